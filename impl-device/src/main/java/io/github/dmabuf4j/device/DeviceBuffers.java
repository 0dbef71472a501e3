package io.github.dmabuf4j.device;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.Platform;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Buffers in files that other processes, devices or libraries made: dma-bufs, and memory files that
 * are sealed against shrinking ({@code dma_buf_get}).
 *
 * <p><b>Out and in.</b> A buffer of one of this module's heaps gives its descriptor with {@link
 * DmaBuf#exportFd}; {@link OwnedFd#detach} hands it to a library that closes it itself. A
 * descriptor that comes in becomes a buffer here. The same file is the same buffer, whoever brings
 * it: a second import gives one more handle, and that of a file of one of our own heaps a handle of
 * the original.
 *
 * <p><b>What an import is.</b> It has its own reservation, mappings and name, counts against no
 * heap, is never pooled, and gives its descriptor back when the last reference and fence are gone.
 * Its memory belongs to whoever made it. CPU accesses to a dma-buf are announced to the kernel.
 *
 * <p><b>Trust.</b> Nothing is believed of the other side: the size is the file's own, and a memory
 * file that its owner could shrink is refused, for whoever touched the missing part would crash
 * (design rule DV6).
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: dma_buf_get in drivers/dma-buf/dma-buf.c; design rules DV4, DV6, DV7, rule CB12.
 */
public final class DeviceBuffers {
  private DeviceBuffers() {}

  /**
   * Takes the buffer in a file.
   *
   * @param fd a descriptor of a dma-buf, or of a memory file with {@code F_SEAL_SHRINK}; it stays
   *     the caller's, who may close it at once
   * @return a new handle, to be closed; read-only if the descriptor is, or the file is sealed
   *     against writing
   * @throws io.github.dmabuf4j.DmaBufException if it is neither, or isn't sealed (EPERM), or has no
   *     bytes, or isn't open (EBADF); or if no descriptor is left within the budget (EMFILE): names
   *     the holders
   * @throws HeapUnavailableException if this isn't Linux, or native access is denied
   */
  public static DmaBuf importFd(int fd) {
    return take(fd, null, null, null);
  }

  private static DmaBuf take(OwnedFd fd, @Nullable String name, @Nullable FrameLayout layout) {
    ClosingThread closing =
        fd instanceof Descriptor ours ? ours.closing().orElse(null) : null; // a peer's
    return take(fd.fd(), closing, name, layout);
  }

  private static DmaBuf take(
      int fd,
      @Nullable ClosingThread closing,
      @Nullable String name,
      @Nullable FrameLayout layout) {
    Platform.Obstacle obstacle = Platform.obstacle();
    if (!obstacle.isNone()) {
      throw new HeapUnavailableException(
          "no file can be imported: %s%s"
              .formatted(
                  obstacle.reason(), obstacle.fix().isEmpty() ? "" : "; try: " + obstacle.fix()));
    }
    return Imports.take(fd, closing, name, layout);
  }

  /**
   * Takes the buffer in a file, and closes the descriptor, whatever comes of it.
   *
   * @param fd a descriptor, of which this is the last use
   * @return as {@link #importFd(int)}
   * @throws io.github.dmabuf4j.DmaBufException as {@link #importFd(int)}
   * @throws HeapUnavailableException as {@link #importFd(int)}
   * @throws IllegalStateException if it was detached or closed
   */
  public static DmaBuf importFd(OwnedFd fd) {
    try (fd) {
      return take(fd, null, null);
    }
  }

  /**
   * Takes the buffer in a file, and closes the descriptor, whatever comes of it. Where the file is
   * no buffer here yet, the new one gets a name and a layout; one that is keeps its own.
   *
   * @param fd a descriptor, of which this is the last use
   * @param name what to call a new buffer in reports
   * @param layout how a frame lies in a new buffer; empty if none does
   * @return as {@link #importFd(int)}
   * @throws io.github.dmabuf4j.DmaBufException as {@link #importFd(int)}
   * @throws HeapUnavailableException as {@link #importFd(int)}
   * @throws IllegalStateException if it was detached or closed
   */
  public static DmaBuf importFd(OwnedFd fd, String name, Optional<FrameLayout> layout) {
    try (fd) {
      return take(fd, name, layout.orElse(null));
    }
  }

  /**
   * Whether a buffer is a dma-buf, which the kernel and its devices know: one of a dma-heap or of
   * udmabuf, or an import that is one.
   *
   * @param buffer any buffer
   * @return false for memory files, and for buffers without a file
   * @throws IllegalStateException if the handle is closed
   */
  public static boolean isDmaBuf(DmaBuf buffer) {
    return BufferObject.exporterOf(buffer, FileExporter.class)
        .map(FileExporter::isDmaBuf)
        .orElse(false);
  }

  /**
   * The buffers that were imported and are live, or in quarantine.
   *
   * @return a snapshot
   */
  public static BufInfo imported() {
    return Imports.info();
  }
}
