package io.github.dmabuf4j;

/**
 * What the owner of a buffer says about its content ({@code MSM_MADV_*}, {@code I915_MADV_*} of the
 * drm drivers; rules CG3, CG4).
 */
public enum Advice {
  /**
   * The content is needed: under pressure it may be evicted to a store, and comes back at the next
   * use.
   */
  WILL_NEED,
  /** The content can be made again: under pressure it may be dropped, once and for all. */
  DONT_NEED
}
