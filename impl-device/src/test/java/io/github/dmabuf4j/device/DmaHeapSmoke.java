package io.github.dmabuf4j.device;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * The first contact with the real kernel: allocates from {@code /dev/dma_heap/system}, maps,
 * writes, reads back, and gives everything back. Run by {@code vm/smoke} in the guest, so it needs
 * nothing but the JDK; it prints a line for each thing it saw, then {@code N passed, M failed}, and
 * ends with status 1 if anything was not as it should be.
 */
final class DmaHeapSmoke {
  private static final String HEAP = "/dev/dma_heap/system";
  private static final long SIZE = 1 << 20;

  private final Libc libc = new Libc();
  private int passed;
  private int failed;

  private DmaHeapSmoke() {}

  public static void main(String[] args) {
    var smoke = new DmaHeapSmoke();
    try {
      smoke.run();
    } catch (IOException | RuntimeException e) {
      smoke.check(false, String.valueOf(e.getMessage()));
    }
    System.out.println(smoke.passed + " passed, " + smoke.failed + " failed");
    System.exit(smoke.failed == 0 ? 0 : 1);
  }

  private void run() throws IOException {
    long before = openDescriptors();
    int heap = Libc.checked("open " + HEAP, libc.open(HEAP, Libc.O_RDWR | Libc.O_CLOEXEC));
    refusesSizeZero(heap);
    int buffer = allocate(heap, SIZE);
    check(buffer >= 0, "DMA_HEAP_IOCTL_ALLOC of " + SIZE + " bytes from " + HEAP + result(buffer));
    if (buffer >= 0) {
      useBuffer(buffer);
      Libc.checked("close", libc.close(buffer));
    }
    Libc.checked("close", libc.close(heap));
    long after = openDescriptors();
    check(after == before, "descriptors open: " + before + " before, " + after + " after");
  }

  private void refusesSizeZero(int heap) {
    int result = allocate(heap, 0);
    check(result == -Libc.EINVAL, "DMA_HEAP_IOCTL_ALLOC of 0 bytes is refused" + result(result));
    if (result >= 0) {
      libc.close(result);
    }
  }

  private void useBuffer(int buffer) {
    long size = libc.lseek(buffer, 0, Libc.SEEK_END);
    check(size == SIZE, "lseek to the end tells the size: " + size);

    MemorySegment bytes = libc.mmap(buffer, SIZE);
    try {
      sync(buffer, DmaBufSync.START | DmaBufSync.READ);
      boolean zeroed = firstByteOtherThanZero(bytes) < 0;
      sync(buffer, DmaBufSync.END | DmaBufSync.READ);
      check(zeroed, "mapped; fresh memory is zeroed");

      sync(buffer, DmaBufSync.START | DmaBufSync.WRITE);
      for (long at = 0; at < SIZE; at += Long.BYTES) {
        bytes.set(JAVA_LONG, at, pattern(at));
      }
      sync(buffer, DmaBufSync.END | DmaBufSync.WRITE);
    } finally {
      Libc.checked("munmap", libc.munmap(bytes));
    }

    // Through a second mapping: what was written is in the buffer, not in the first mapping.
    bytes = libc.mmap(buffer, SIZE);
    try {
      sync(buffer, DmaBufSync.START | DmaBufSync.READ);
      long wrong = 0;
      for (long at = 0; at < SIZE; at += Long.BYTES) {
        wrong += bytes.get(JAVA_LONG, at) == pattern(at) ? 0 : 1;
      }
      sync(buffer, DmaBufSync.END | DmaBufSync.READ);
      check(
          wrong == 0,
          "written under DMA_BUF_IOCTL_SYNC, read back by a second mapping: "
              + wrong
              + " words differ");
    } finally {
      Libc.checked("munmap", libc.munmap(bytes));
    }
  }

  private static long pattern(long at) {
    return at * 0x9E37_79B9_7F4A_7C15L + 1;
  }

  private static long firstByteOtherThanZero(MemorySegment bytes) {
    for (long at = 0; at < bytes.byteSize(); at++) {
      if (bytes.get(JAVA_BYTE, at) != 0) {
        return at;
      }
    }
    return -1;
  }

  /** Returns the new buffer's descriptor, or {@code -errno}. */
  private int allocate(int heap, long size) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(DmaHeapAllocationData.LAYOUT);
      DmaHeapAllocationData.LEN.set(data, 0L, size);
      DmaHeapAllocationData.FD_FLAGS.set(data, 0L, Libc.O_RDWR | Libc.O_CLOEXEC);
      int result = libc.ioctl(heap, DmaHeapAllocationData.DMA_HEAP_IOCTL_ALLOC, data);
      return result < 0 ? result : (int) DmaHeapAllocationData.FD.get(data, 0L);
    }
  }

  private void sync(int buffer, long flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocateFrom(JAVA_LONG, flags);
      Libc.checked("DMA_BUF_IOCTL_SYNC", libc.ioctl(buffer, DmaBufSync.DMA_BUF_IOCTL_SYNC, data));
    }
  }

  private static long openDescriptors() throws IOException {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      return descriptors.count();
    }
  }

  private void check(boolean holds, String what) {
    System.out.println((holds ? "ok      " : "FAILED  ") + what);
    if (holds) {
      passed++;
    } else {
      failed++;
    }
  }

  private static String result(int result) {
    return result < 0 ? ": errno " + -result : ": descriptor " + result;
  }

  /** {@code struct dma_heap_allocation_data} of {@code linux/dma-heap.h}. */
  private static final class DmaHeapAllocationData {
    static final StructLayout LAYOUT =
        MemoryLayout.structLayout(
            JAVA_LONG.withName("len"),
            JAVA_INT.withName("fd"),
            JAVA_INT.withName("fd_flags"),
            JAVA_LONG.withName("heap_flags"));
    static final VarHandle LEN = LAYOUT.varHandle(PathElement.groupElement("len"));
    static final VarHandle FD = LAYOUT.varHandle(PathElement.groupElement("fd"));
    static final VarHandle FD_FLAGS = LAYOUT.varHandle(PathElement.groupElement("fd_flags"));

    /** {@code _IOWR('H', 0, struct dma_heap_allocation_data)}. */
    static final long DMA_HEAP_IOCTL_ALLOC = 0xC018_4800L;
  }

  /** {@code struct dma_buf_sync} of {@code linux/dma-buf.h}: one {@code __u64} of flags. */
  private static final class DmaBufSync {
    static final long READ = 1;
    static final long WRITE = 2;
    static final long START = 0;
    static final long END = 4;

    /** {@code _IOW('b', 0, struct dma_buf_sync)}. */
    static final long DMA_BUF_IOCTL_SYNC = 0x4008_6200L;
  }

  /**
   * The calls of libc that are needed here; each returns what the kernel does: a result, or {@code
   * -errno}.
   */
  private static final class Libc {
    static final int O_RDWR = 2;
    static final int O_CLOEXEC = 0x8_0000;
    static final int SEEK_END = 2;
    static final int EINVAL = 22;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO_VALUE = STATE.varHandle(PathElement.groupElement("errno"));

    private static final MethodHandle OPEN =
        link(
            "open",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT),
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle IOCTL =
        link(
            "ioctl",
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS),
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle LSEEK =
        link("lseek", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MMAP =
        link(
            "mmap",
            FunctionDescriptor.of(
                ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MUNMAP =
        link("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    private static final MethodHandle CLOSE =
        link("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    private final MemorySegment state = Arena.ofAuto().allocate(STATE);

    private static MethodHandle link(
        String name, FunctionDescriptor type, Linker.Option... options) {
      var all = Stream.concat(Stream.of(ERRNO), Stream.of(options)).toArray(Linker.Option[]::new);
      return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type, all);
    }

    int open(String path, int flags) {
      try (Arena arena = Arena.ofConfined()) {
        return (int) orErrno((int) OPEN.invokeExact(state, arena.allocateFrom(path), flags));
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    int ioctl(int fd, long request, MemorySegment argument) {
      try {
        return (int) orErrno((int) IOCTL.invokeExact(state, fd, request, argument));
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    long lseek(int fd, long offset, int whence) {
      try {
        return orErrno((long) LSEEK.invokeExact(state, fd, offset, whence));
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    /** Maps the first {@code size} bytes, shared, to read and write; throws if that fails. */
    MemorySegment mmap(int fd, long size) {
      MemorySegment mapped;
      try {
        mapped =
            (MemorySegment)
                MMAP.invokeExact(
                    state, MemorySegment.NULL, size, PROT_READ_WRITE, MAP_SHARED, fd, 0L);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
      long address = mapped.address(); // MAP_FAILED is -1
      if (address == -1) {
        checked("mmap", orErrno(address));
      }
      return mapped.reinterpret(size);
    }

    int munmap(MemorySegment mapped) {
      try {
        return (int) orErrno((int) MUNMAP.invokeExact(state, mapped, mapped.byteSize()));
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    int close(int fd) {
      try {
        return (int) orErrno((int) CLOSE.invokeExact(state, fd));
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    private long orErrno(long result) {
      return result == -1 ? -(int) ERRNO_VALUE.get(state, 0L) : result;
    }

    static int checked(String call, long result) {
      if (result < 0) {
        throw new IllegalStateException(call + " failed: errno " + -result);
      }
      return (int) result;
    }
  }
}
