package io.github.dmabuf4j;

/**
 * Gives a heap's memory back, in stages, until there is enough: what is idle; the content of
 * buffers that isn't needed ({@link Advice#DONT_NEED}); what those who registered can do without;
 * the memory of buffers whose content can be stored, if the heap has a {@link
 * io.github.dmabuf4j.spi.SwapStore}; and only then, if the policy says so, that of buffers whose
 * fences have to be waited for. An allocation whose policy is NORMAL or above does the same when
 * the limit is reached, before it fails or waits (design rule SH8).
 *
 * {@snippet file="io/github/dmabuf4j/snippets/FrameCache.java" region="shrinkable"}
 *
 * <p><b>Threads.</b> Any. Whoever is asked is in a section of {@link Reclaim}: it may wait for
 * fences, and only try reservations.
 *
 * <p>Source: mm/shrinker.c, drivers/gpu/drm/msm/msm_gem_shrinker.c; design rules SH1 to SH8.
 */
public interface Shrinker {
  /** That something is asked; until it is closed. */
  interface Registration extends AutoCloseable {
    /**
     * Asks it no more. A thread that is asking it at the moment goes on. Closing again does
     * nothing.
     */
    @Override
    void close();
  }

  /**
   * Adds something that can give memory back. Those that registered first are asked first. The heap
   * keeps it for as long as the heap is used.
   *
   * @param shrinkable what to ask
   * @return closing it takes it out again
   */
  Registration register(Shrinkable shrinkable);

  /**
   * Gives memory back: until as much as is wanted was given, or nobody has any more.
   *
   * @param bytes how much is wanted, at least 0
   * @param policy how hard to try: NOWAIT does nothing, for it never reclaims; FAIL_FAST gives up
   *     what is idle and drops what isn't needed, which takes no time; NORMAL goes on with those
   *     who registered, and evicts; TRY_HARD and NO_FAIL wait for fences as well, for a short time
   *     and for the deadline of a wait
   * @return how much was given back, as far as those who were asked tell the truth; what evicted
   *     content takes in memory isn't taken off
   * @throws IllegalArgumentException if the number of bytes is negative
   * @throws LockdepException if the validator is on and the thread must not reclaim here
   */
  long reclaim(long bytes, AllocPolicy policy);

  /**
   * What was reclaimed so far, and what is evicted now.
   *
   * @return a snapshot
   */
  ReclaimStatistics statistics();
}
