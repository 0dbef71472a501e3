package io.github.dmabuf4j.device;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.Restarted;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * What the kernel calls a dma-buf, in {@code /proc/PID/fdinfo} and in debugfs: for people who look
 * for who holds memory (rule CB10). It is told as well as can be; nobody depends on it.
 *
 * <p><b>Invariant.</b> {@code told} is what the kernel was told last; a new dma-buf has no name.
 *
 * <p><b>Threads.</b> Any. {@code told} is guarded by this object; no other lock is taken.
 *
 * <p>Source: dma_buf_set_name in drivers/dma-buf/dma-buf.c.
 */
final class KernelName {
  private static final System.Logger LOG = System.getLogger(KernelName.class.getName());

  /** DMA_BUF_NAME_LEN, without the 0 at the end: what is longer is refused. */
  private static final int MOST_BYTES = 31;

  private final Descriptor file;
  private byte[] told = {};

  /**
   * That of a new dma-buf.
   *
   * @param file its descriptor, which stays its owner's
   */
  KernelName(Descriptor file) {
    this.file = file;
  }

  /**
   * Tells the kernel a name, if it has another.
   *
   * @param name of any length, of which as many whole characters are told as fit 31 bytes of UTF-8;
   *     empty for none
   */
  synchronized void tell(String name) {
    byte[] bytes = cut(name);
    if (Arrays.equals(bytes, told)) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(MOST_BYTES + 1); // zeroed
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, text, 0, bytes.length);
      int result =
          file.use(
              fd -> Restarted.call(() -> Syscalls.ioctl(fd, linux_h.DMA_BUF_SET_NAME_B(), text)));
      if (result < 0) {
        LOG.log(Level.DEBUG, "{0} got no name from the kernel: error {1}", file, -result);
      } else {
        told = bytes;
      }
    } catch (IllegalStateException closed) {
      // its memory was given up: there is nothing to name
    }
  }

  private static byte[] cut(String name) {
    CharsetEncoder encoder =
        StandardCharsets.UTF_8.newEncoder().onMalformedInput(CodingErrorAction.REPLACE);
    ByteBuffer bytes = ByteBuffer.allocate(MOST_BYTES);
    var _ = encoder.encode(CharBuffer.wrap(name), bytes, true);
    return Arrays.copyOf(bytes.array(), bytes.position());
  }
}
