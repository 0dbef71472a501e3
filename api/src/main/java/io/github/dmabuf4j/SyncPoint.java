package io.github.dmabuf4j;

import java.time.Duration;
import java.util.Optional;

/**
 * A timeline of numbered points that clients fill in as they submit work ({@code drm_syncobj}): a
 * point may be waited for before anybody has said what it stands for. Never put into a reservation:
 * such a wait depends on what a client does next (rules CS5 to CS9, CF2).
 *
 * <p><b>Shape.</b> This type fixes the contract; no implementation is shipped yet.
 *
 * <p><b>Threads.</b> Any. A wait for submit must not be done with a reservation held (rule CS7).
 *
 * <p>Source: drivers/gpu/drm/drm_syncobj.c.
 */
public interface SyncPoint extends AutoCloseable {
  /** What a wait is content with. */
  enum WaitFor {
    /** That the point's work is done; a point without a fence is refused (EINVAL). */
    SIGNALED,
    /** As SIGNALED, and first, if need be, that somebody says what the point stands for. */
    SUBMIT,
    /** That somebody has said what the point stands for. */
    AVAILABLE
  }

  /**
   * Says what a point stands for. A point at or below the last one is tolerated, but loses its own
   * meaning (rule CS9).
   *
   * @param point the number, at least 1
   * @param fence what it stands for
   */
  void submit(long point, Fence fence);

  /**
   * What a point stands for.
   *
   * @param point the number
   * @return a fence that signals when all up to the point has, or empty if nobody has submitted it
   */
  Optional<Fence> fence(long point);

  /**
   * Waits for a point.
   *
   * @param point the number
   * @param what what the wait is content with
   * @param timeout how long to wait; zero or less only looks
   * @return true if it came about in time
   * @throws InterruptedException if the thread is interrupted while waiting
   * @throws IllegalArgumentException if nothing was submitted for the point and the wait is for
   *     SIGNALED
   */
  boolean await(long point, WaitFor what, Duration timeout) throws InterruptedException;

  /**
   * The last point up to which everything has signaled.
   *
   * @return a point, 0 if none
   */
  long query();

  /** Forgets all points; waiters keep the fences they found (rule CS6). */
  void reset();

  /** Ends the timeline; waits for points that were never submitted fail. */
  @Override
  void close();
}
