package io.github.dmabuf4j;

/**
 * What a caller may need of a heap, whichever it is: what {@code require} of {@link Heaps#open}
 * names, and {@link HeapDescription#properties} claims.
 */
public enum HeapProperty {
  /** Its buffers have a file descriptor that other processes can be given. */
  SHAREABLE,
  /** Its buffers are dma-bufs of the kernel, which devices import. Such a heap is shareable. */
  DMABUF,
  /**
   * Its buffers are contiguous in physical memory, for devices that can't gather pages. {@link
   * ContiguousRegion} is something else: contiguous addresses.
   */
  CONTIGUOUS
}
