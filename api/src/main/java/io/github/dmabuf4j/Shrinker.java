package io.github.dmabuf4j;

/**
 * Gives a heap's memory back: what is idle, and then what those who registered can do without. An
 * allocation whose policy is NORMAL or above asks them too, when the limit is reached and nothing
 * idle is left, before it fails or waits (design rule SH8).
 *
 * {@snippet file="io/github/dmabuf4j/snippets/FrameCache.java" region="shrinkable"}
 *
 * <p>Not there yet: stages that purge what isn't needed, evict what is idle, and only then, if the
 * caller's policy says so, wait for what is active.
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
   * @param policy how hard to try: NOWAIT does nothing, for it never reclaims. Nothing waits for
   *     what is active yet, so the others do the same
   * @return how much was given back, as far as those who were asked tell the truth
   * @throws IllegalArgumentException if the number of bytes is negative
   * @throws LockdepException if the validator is on and the thread must not reclaim here
   */
  long reclaim(long bytes, AllocPolicy policy);
}
