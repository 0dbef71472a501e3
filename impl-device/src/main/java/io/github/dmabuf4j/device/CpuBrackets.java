package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.dma_buf_sync;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The kernel's part of a CPU bracket: before and after the CPU touches a dma-buf, its exporter
 * makes the bytes coherent (design rules DV1 and DV2, rules CV5 and CV6).
 *
 * <p><b>Threads.</b> Any; there is no state.
 *
 * <p>Source: dma_buf_ioctl in drivers/dma-buf/dma-buf.c.
 */
final class CpuBrackets {
  private static final int EINTR = linux_h.EINTR();
  private static final int EAGAIN = linux_h.EAGAIN();

  private CpuBrackets() {}

  /**
   * Begins one.
   *
   * @param file the dma-buf
   * @param access what the CPU is about to do
   * @param buffer whose file it is, for messages
   * @throws io.github.dmabuf4j.DmaBufException if the kernel refuses
   */
  static void begin(Descriptor file, Access access, BufferObject buffer) {
    synchronize(file, linux_h.DMA_BUF_SYNC_START() | bits(access), buffer);
  }

  /**
   * Ends one.
   *
   * @param file the dma-buf
   * @param access what was given to {@link #begin}
   * @param buffer whose file it is, for messages
   * @throws io.github.dmabuf4j.DmaBufException if the kernel refuses
   */
  static void end(Descriptor file, Access access, BufferObject buffer) {
    synchronize(file, linux_h.DMA_BUF_SYNC_END() | bits(access), buffer);
  }

  private static int bits(Access access) {
    return (access.reads() ? linux_h.DMA_BUF_SYNC_READ() : 0)
        | (access.writes() ? linux_h.DMA_BUF_SYNC_WRITE() : 0);
  }

  private static void synchronize(Descriptor file, int flags, BufferObject buffer) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = dma_buf_sync.allocate(arena);
      dma_buf_sync.flags(request, flags);
      int result = synchronize(file, request);
      while (result == -EINTR || result == -EAGAIN) { // of this call alone, EAGAIN means: again
        result = synchronize(file, request);
      }
      if (result < 0) {
        throw new SyscallFailure("DMA_BUF_IOCTL_SYNC", buffer.displayName(), -result).exception();
      }
    }
  }

  private static int synchronize(Descriptor file, MemorySegment request) {
    return file.use(fd -> Syscalls.ioctl(fd, linux_h.DMA_BUF_IOCTL_SYNC(), request));
  }
}
