package io.github.dmabuf4j.offheap;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The calls of sys/mman.h that this module needs, as 64-bit Linux has them. As system calls do,
 * each returns its result or the negative error number.
 */
final class Libc {
  static final int PROT_READ = 1;
  static final int PROT_WRITE = 2;
  static final int MAP_PRIVATE = 0x02;
  static final int MAP_ANONYMOUS = 0x20;
  static final int MAP_NORESERVE = 0x4000;
  static final int MADV_DONTNEED = 4;
  static final int MADV_HUGEPAGE = 14;
  static final int MADV_NOHUGEPAGE = 15;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURED = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CAPTURED.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final MethodHandle GETPAGESIZE =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("getpagesize"),
          FunctionDescriptor.of(ValueLayout.JAVA_INT));
  private static final MethodHandle MMAP =
      withErrno(
          "mmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG, // void *, or -1
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_LONG, // size_t
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG)); // off_t
  private static final MethodHandle MUNMAP =
      withErrno(
          "munmap",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
  private static final MethodHandle MADVISE =
      withErrno(
          "madvise",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));

  private Libc() {}

  private static MethodHandle withErrno(String function, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(function),
        descriptor,
        Linker.Option.captureCallState("errno"));
  }

  /** The size of the machine's pages in bytes. */
  static int getpagesize() {
    try {
      return (int) GETPAGESIZE.invokeExact();
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Maps anonymous memory anywhere: its address, or the negative error number. */
  static long mmap(long length, int protection, int flags) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      long address =
          (long) MMAP.invokeExact(captured, MemorySegment.NULL, length, protection, flags, -1, 0L);
      return address == -1 ? -errno(captured) : address;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Unmaps whole pages: 0, or the negative error number. */
  static int munmap(MemorySegment pages) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      int result = (int) MUNMAP.invokeExact(captured, pages, pages.byteSize());
      return result == -1 ? -errno(captured) : 0;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Advises about whole pages: 0, or the negative error number. */
  static int madvise(MemorySegment pages, int advice) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      int result = (int) MADVISE.invokeExact(captured, pages, pages.byteSize(), advice);
      return result == -1 ? -errno(captured) : 0;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static int errno(MemorySegment captured) {
    return (int) ERRNO.get(captured, 0L);
  }

  private static RuntimeException unexpected(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    throw new AssertionError("a downcall that throws nothing threw", e);
  }
}
