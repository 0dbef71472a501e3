package io.github.dmabuf4j.device;

import static io.github.dmabuf4j.device.linux.bindings.linux_h.*;

import io.github.dmabuf4j.device.linux.Restarted;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.dma_buf_sync;
import io.github.dmabuf4j.device.linux.bindings.dma_heap_allocation_data;
import io.github.dmabuf4j.device.linux.bindings.udmabuf_create;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * The kernel's own interfaces, below everything this library does: what the rows of the kernel's
 * self-tests are checked with. Results are descriptors or negative error numbers, as the kernel's.
 */
final class KernelFiles {
  static final long PAGE = Syscalls.getpagesize();

  private KernelFiles() {}

  /** Opens a device node. */
  static int open(String node) {
    return SyscallFailure.check(
        "open", node, Restarted.call(() -> Syscalls.open(node, O_RDWR() | O_CLOEXEC())));
  }

  static void close(int fd) {
    SyscallFailure.check("close", "descriptor " + fd, Syscalls.close(fd));
  }

  /** Asks a heap for memory: a dma-buf, or the negative error number. */
  static int allocate(int heap, long bytes) {
    return allocate(heap, bytes, O_RDWR() | O_CLOEXEC(), 0);
  }

  static int allocate(int heap, long bytes, int accessFlags, long heapFlags) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment data = scratch.allocate(dma_heap_allocation_data.layout());
      dma_heap_allocation_data.len(data, bytes);
      dma_heap_allocation_data.fd_flags(data, accessFlags);
      dma_heap_allocation_data.heap_flags(data, heapFlags);
      int result = Syscalls.ioctl(heap, DMA_HEAP_IOCTL_ALLOC(), data);
      return result < 0 ? result : dma_heap_allocation_data.fd(data);
    }
  }

  /** A file in memory, sealed as udmabuf wants it if asked. */
  static int memoryFile(long bytes, int flags, int seals) {
    int file =
        SyscallFailure.check(
            "memfd_create",
            "rows",
            Syscalls.memfdCreate("rows", MFD_CLOEXEC() | MFD_ALLOW_SEALING() | flags));
    SyscallFailure.check("ftruncate", "rows", Syscalls.ftruncate(file, bytes));
    if (seals != 0) {
      SyscallFailure.check("F_ADD_SEALS", "rows", Syscalls.fcntl(file, F_ADD_SEALS(), seals));
    }
    return file;
  }

  /** Makes a dma-buf of a range of a file: its descriptor, or the negative error number. */
  static int udmabuf(int device, int file, long offset, long bytes) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment create = scratch.allocate(udmabuf_create.layout());
      udmabuf_create.memfd(create, file);
      udmabuf_create.flags(create, UDMABUF_FLAGS_CLOEXEC());
      udmabuf_create.offset(create, offset);
      udmabuf_create.size(create, bytes);
      return Syscalls.ioctl(device, UDMABUF_CREATE(), create);
    }
  }

  /** Begins or ends a bracket: 0, or the negative error number. */
  static int sync(int buffer, long flags) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment sync = scratch.allocate(dma_buf_sync.layout());
      dma_buf_sync.flags(sync, flags);
      return Restarted.call(() -> Syscalls.ioctl(buffer, DMA_BUF_IOCTL_SYNC(), sync));
    }
  }

  /** Uses the bytes of a file, mapped for that time. */
  static void mapped(int fd, long bytes, Consumer<MemorySegment> use) {
    long address =
        SyscallFailure.check(
            "mmap",
            "descriptor " + fd,
            Syscalls.mmap(fd, bytes, PROT_READ() | PROT_WRITE(), MAP_SHARED()));
    try {
      use.accept(MemorySegment.ofAddress(address).reinterpret(bytes));
    } finally {
      SyscallFailure.check("munmap", "descriptor " + fd, Syscalls.munmap(address, bytes));
    }
  }

  /** Uses the bytes of a dma-buf in a bracket. */
  static void bracketed(int buffer, Runnable use) {
    SyscallFailure.check("sync", "start", sync(buffer, DMA_BUF_SYNC_START() | DMA_BUF_SYNC_RW()));
    use.run();
    SyscallFailure.check("sync", "end", sync(buffer, DMA_BUF_SYNC_END() | DMA_BUF_SYNC_RW()));
  }
}
