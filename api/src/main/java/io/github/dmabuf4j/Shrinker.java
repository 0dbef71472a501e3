package io.github.dmabuf4j;

/**
 * Asks everything registered to give memory back, in stages: purge what isn't needed, evict what is
 * idle, and only then, if the caller's policy says so, wait for what is active.
 *
 * <p><b>Shape.</b> This type fixes the contract; no implementation is shipped yet.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: mm/shrinker.c, drivers/gpu/drm/msm/msm_gem_shrinker.c; design rules SH1 to SH8.
 */
public interface Shrinker {
  /**
   * Adds something that can give memory back.
   *
   * @param shrinkable what to ask
   * @return closing it takes it out again
   */
  AutoCloseable register(Shrinkable shrinkable);

  /**
   * Gives memory back.
   *
   * @param bytes how much is wanted
   * @param policy how hard to try: up to NORMAL it passes by what is active, above it waits for
   *     fences
   * @return how much was given back
   */
  long reclaim(long bytes, AllocPolicy policy);
}
