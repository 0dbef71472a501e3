package io.github.dmabuf4j.device;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** A file in memory, as {@code memfd_create} makes it, and how often it was mapped. */
final class MemoryFile {
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_SHARED = 1;
  private static final int MFD_CLOEXEC = 1;

  private static final MethodHandle MEMFD_CREATE =
      function(
          "memfd_create",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
  private static final MethodHandle FTRUNCATE =
      function(
          "ftruncate",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
  private static final MethodHandle MMAP =
      function(
          "mmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG));
  private static final MethodHandle MUNMAP =
      function(
          "munmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
  private static final MethodHandle CLOSE =
      function("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

  private final int descriptor;
  final long bytes;
  final AtomicInteger mmaps = new AtomicInteger();
  final AtomicInteger munmaps = new AtomicInteger();

  /** Makes a file that /proc shows as {@code /memfd:name (deleted)} where it is mapped. */
  MemoryFile(String name, long bytes) {
    this.bytes = bytes;
    try (Arena arena = Arena.ofConfined()) {
      this.descriptor =
          checked(
              "memfd_create",
              (int) MEMFD_CREATE.invokeExact(arena.allocateFrom(name), MFD_CLOEXEC));
      int _ = checked("ftruncate", (int) FTRUNCATE.invokeExact(descriptor, bytes));
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Maps all of it: the address. */
  long mmap() {
    mmaps.incrementAndGet();
    try {
      long address =
          (long)
              MMAP.invokeExact(
                  MemorySegment.NULL, bytes, PROT_READ_WRITE, MAP_SHARED, descriptor, 0L);
      checked("mmap", (int) Math.max(-1, address));
      return address;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  void munmap(long address) {
    munmaps.incrementAndGet();
    try {
      int _ = checked("munmap", (int) MUNMAP.invokeExact(address, bytes));
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  void close() {
    try {
      int _ = checked("close", (int) CLOSE.invokeExact(descriptor));
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** How many mappings this process has of files whose names begin so. */
  static long mappingsOf(String name) {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.contains("/memfd:" + name)).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static MethodHandle function(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
  }

  private static int checked(String call, int result) {
    if (result == -1) {
      throw new AssertionError(call + " failed");
    }
    return result;
  }
}
