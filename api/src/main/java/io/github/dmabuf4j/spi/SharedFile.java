package io.github.dmabuf4j.spi;

import io.github.dmabuf4j.OwnedFd;

/**
 * A buffer with a file behind it: what exporters that can hand a buffer to a device or another
 * process implement beside {@link Exporter}.
 *
 * <p><b>Threads.</b> Any.
 */
public interface SharedFile {
  /**
   * A new descriptor of the buffer, close-on-exec (design rules DV3, DV4). The buffer is never
   * pooled again (design rule DV7). Pending host fences are waited for first (design rule FN6).
   *
   * @return a descriptor owned by the caller
   * @throws io.github.dmabuf4j.FenceTimeoutException if a host fence on the buffer didn't signal in
   *     time
   * @throws io.github.dmabuf4j.DmaBufException if no descriptor is left within the budget: names
   *     the holders
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  OwnedFd exportFd() throws InterruptedException;
}
