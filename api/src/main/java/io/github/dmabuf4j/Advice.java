package io.github.dmabuf4j;

/**
 * What the owner of a buffer says about its content ({@code MSM_MADV_*}, {@code I915_MADV_*} of the
 * drm drivers; rules CG3, CG4).
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="advise"}
 */
public enum Advice {
  /**
   * The content is needed, as that of a new buffer is: under pressure it may be evicted to a {@link
   * io.github.dmabuf4j.spi.SwapStore}, if the heap has one, and comes back at the next use.
   */
  WILL_NEED,
  /**
   * The content can be made again: under pressure it may be dropped, once and for all. Each use
   * after that is a {@link BufferPurgedException}.
   */
  DONT_NEED
}
