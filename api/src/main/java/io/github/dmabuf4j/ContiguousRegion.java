package io.github.dmabuf4j;

/**
 * A reserved range of addresses, the kind one registers once with a device, which movable buffers
 * may use until somebody needs a contiguous part of it: then they are moved out under their
 * reservations ({@code CMA}).
 *
 * <p><b>Shape.</b> This type fixes the contract; no implementation is shipped yet.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: mm/cma.c, mm/page_alloc.c (alloc_contig_range); design rules AL4, AL5, PN6.
 */
public interface ContiguousRegion extends AutoCloseable {
  /**
   * Allocates one run of bytes in the region, moving movable buffers out of the way as the policy
   * allows.
   *
   * @param request what is wanted
   * @return the first handle of a buffer that is never moved
   * @throws OutOfBuffersException if no range could be freed: names the pins and holds in the best
   *     candidates
   * @throws InterruptedException if the thread is interrupted while the policy waits
   */
  DmaBuf allocateContiguous(AllocationRequest request) throws InterruptedException;

  /**
   * The size of the region.
   *
   * @return bytes
   */
  long byteSize();

  /** Gives the region back. Fails with {@link IllegalStateException} while buffers live in it. */
  @Override
  void close();
}
