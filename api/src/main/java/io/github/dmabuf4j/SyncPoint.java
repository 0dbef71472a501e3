package io.github.dmabuf4j;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A numbered point of a {@link SyncObject}, submitted or not.
 *
 * <p><b>Waiting.</b> A wait keeps the fence that it finds, whatever becomes of the timeline
 * meanwhile (rule CS6). Every wait has a deadline, and an interruptible and an uninterruptible form
 * (design rule FN5); it parks virtual threads without pinning their carrier. A wait for submit must
 * not be done with a reservation held, nor in a {@link Signalling} section: the other side is a
 * client (rule CS7).
 *
 * <p><b>The validator.</b> While it is on, a broken locking rule is a {@link LockdepException}.
 *
 * <p><b>Threads.</b> Immutable; all methods may be called from any thread.
 *
 * <p>Source: drivers/gpu/drm/drm_syncobj.c; rules CS5 to CS9.
 *
 * @param timeline the timeline
 * @param number the point's number, or 0 for the timeline as a whole
 */
public record SyncPoint(SyncObject timeline, long number) {
  /** What a wait is content with. */
  public enum WaitFor {
    /** That the point's work is done; a point without a fence is refused (EINVAL). */
    SIGNALED,
    /** As SIGNALED, and first, if need be, that somebody says what the point stands for. */
    SUBMIT,
    /** That somebody has said what the point stands for. */
    AVAILABLE
  }

  /**
   * A point of a timeline.
   *
   * @param timeline the timeline
   * @param number the point's number, or 0 for the timeline as a whole
   * @throws IllegalArgumentException if the number is negative
   */
  public SyncPoint {
    Objects.requireNonNull(timeline, "timeline");
    if (number < 0) {
      throw new IllegalArgumentException(
          "wanted a point, 0 or more, got %d of %s".formatted(number, timeline));
    }
  }

  // ---- the client that submits ----

  /**
   * Says what this point stands for. A point at or below the last one is tolerated, but loses its
   * own meaning; point 0 replaces all that the timeline holds (rules CS5, CS9).
   *
   * @param fence what it stands for
   * @throws IllegalArgumentException if the fence is a chain, for example another point's: see
   *     {@link #transferTo(SyncPoint)}
   * @throws IllegalStateException if the timeline is closed
   */
  public void submit(Fence fence) {
    if (fence instanceof FenceChain) {
      throw new IllegalArgumentException(
          "wanted a fence that isn't a chain, got %s: use transferTo for what another point stands for"
              .formatted(fence));
    }
    timeline.submit(number, Objects.requireNonNull(fence, "fence"));
  }

  /**
   * Submits this point with nothing to wait for: it is reached when all before it are ({@code
   * DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL}).
   *
   * @throws IllegalStateException if the timeline is closed
   */
  public void signal() {
    submit(Fence.stub());
  }

  /**
   * Submits another point with what this one stands for now; chains are flattened.
   *
   * @param destination the point to submit, of any timeline
   * @throws IllegalArgumentException if nobody has submitted this point (EINVAL)
   * @throws IllegalStateException if a timeline is closed
   */
  public void transferTo(SyncPoint destination) {
    transfer(fence().orElseThrow(() -> SyncWait.notSubmitted(this)), destination);
  }

  /**
   * Waits until this point is submitted, then submits another point with it.
   *
   * @param destination the point to submit, of any timeline
   * @param timeout how long to wait; zero or less only looks
   * @return true if it was submitted in time
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws FenceAbandonedException if the timeline is closed while waiting
   * @throws IllegalStateException if a timeline is closed
   */
  public boolean transferTo(SyncPoint destination, Duration timeout) throws InterruptedException {
    SyncWait wait = new SyncWait(List.of(this), WaitFor.AVAILABLE, true, timeout);
    return transferred(wait, wait.await(), destination);
  }

  /**
   * Waits until this point is submitted, not interruptibly, then submits another point with it. An
   * interrupt is kept for later.
   *
   * @param destination the point to submit, of any timeline
   * @param timeout how long to wait; zero or less only looks
   * @return true if it was submitted in time
   * @throws FenceAbandonedException if the timeline is closed while waiting
   * @throws IllegalStateException if a timeline is closed
   */
  public boolean transferToUninterruptibly(SyncPoint destination, Duration timeout) {
    SyncWait wait = new SyncWait(List.of(this), WaitFor.AVAILABLE, true, timeout);
    return transferred(wait, wait.awaitUninterruptibly(), destination);
  }

  private static boolean transferred(SyncWait wait, OptionalInt found, SyncPoint destination) {
    if (found.isPresent()) {
      transfer(wait.fence(found.getAsInt()), destination);
    }
    return found.isPresent();
  }

  private static void transfer(Fence fence, SyncPoint destination) {
    destination.submit(Fences.merge(List.of(fence)));
  }

  // ---- the client that waits ----

  /**
   * What this point stands for now. What is submitted later doesn't change it.
   *
   * @return a fence that signals when all up to the point has, or empty if nobody has submitted it
   * @throws IllegalStateException if the timeline is closed
   */
  public Optional<Fence> fence() {
    return Optional.ofNullable(timeline.find(number));
  }

  /**
   * Waits for this point, at most {@link Fences#defaultTimeout()}.
   *
   * @param what what the wait is content with
   * @throws SyncTimeoutException if it didn't come about in time
   * @throws FenceTimeoutException if a foreign fence stayed silent for longer than its context
   *     allows
   * @throws FenceAbandonedException if the timeline is closed before the point is submitted
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if the wait is for SIGNALED and nobody has submitted the point
   * @throws IllegalStateException if the timeline is closed
   */
  public void await(WaitFor what) throws InterruptedException {
    if (!await(what, Fences.defaultTimeout())) {
      throw SyncTimeoutException.of(this, what, Fences.defaultTimeout());
    }
  }

  /**
   * Waits as {@link #await(WaitFor)} does, not interruptibly: an interrupt is kept for later.
   *
   * @param what what the wait is content with
   * @throws SyncTimeoutException if it didn't come about in time
   * @throws FenceTimeoutException if a foreign fence stayed silent for longer than its context
   *     allows
   * @throws FenceAbandonedException if the timeline is closed before the point is submitted
   * @throws IllegalArgumentException if the wait is for SIGNALED and nobody has submitted the point
   * @throws IllegalStateException if the timeline is closed
   */
  public void awaitUninterruptibly(WaitFor what) {
    if (!awaitUninterruptibly(what, Fences.defaultTimeout())) {
      throw SyncTimeoutException.of(this, what, Fences.defaultTimeout());
    }
  }

  /**
   * Waits for this point, or until the time is up.
   *
   * @param what what the wait is content with
   * @param timeout how long to wait; zero or less only looks
   * @return true if it came about in time
   * @throws FenceTimeoutException if a foreign fence stayed silent for longer than its context
   *     allows
   * @throws FenceAbandonedException if the timeline is closed before the point is submitted
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if the wait is for SIGNALED and nobody has submitted the point
   * @throws IllegalStateException if the timeline is closed
   */
  public boolean await(WaitFor what, Duration timeout) throws InterruptedException {
    return awaitAll(List.of(this), what, timeout);
  }

  /**
   * Waits as {@link #await(WaitFor, Duration)} does, not interruptibly: an interrupt is kept for
   * later.
   *
   * @param what what the wait is content with
   * @param timeout how long to wait; zero or less only looks
   * @return true if it came about in time
   * @throws FenceTimeoutException if a foreign fence stayed silent for longer than its context
   *     allows
   * @throws FenceAbandonedException if the timeline is closed before the point is submitted
   * @throws IllegalArgumentException if the wait is for SIGNALED and nobody has submitted the point
   * @throws IllegalStateException if the timeline is closed
   */
  public boolean awaitUninterruptibly(WaitFor what, Duration timeout) {
    return awaitAllUninterruptibly(List.of(this), what, timeout);
  }

  /**
   * Waits for several points, of any timelines, or until the time is up (rule CS8).
   *
   * @param points the points; none is nothing to wait for
   * @param what what the wait is content with
   * @param timeout how long to wait for all; zero or less only looks
   * @return true if all came about in time
   * @throws FenceTimeoutException if a foreign fence stayed silent for longer than its context
   *     allows
   * @throws FenceAbandonedException if a timeline is closed before its point is submitted
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if the wait is for SIGNALED and nobody has submitted a point
   * @throws IllegalStateException if a timeline is closed
   */
  public static boolean awaitAll(List<SyncPoint> points, WaitFor what, Duration timeout)
      throws InterruptedException {
    return new SyncWait(points, what, true, timeout).await().isPresent();
  }

  /**
   * Waits as {@link #awaitAll} does, not interruptibly: an interrupt is kept for later.
   *
   * @param points the points; none is nothing to wait for
   * @param what what the wait is content with
   * @param timeout how long to wait for all; zero or less only looks
   * @return true if all came about in time
   * @throws FenceTimeoutException if a foreign fence stayed silent for longer than its context
   *     allows
   * @throws FenceAbandonedException if a timeline is closed before its point is submitted
   * @throws IllegalArgumentException if the wait is for SIGNALED and nobody has submitted a point
   * @throws IllegalStateException if a timeline is closed
   */
  public static boolean awaitAllUninterruptibly(
      List<SyncPoint> points, WaitFor what, Duration timeout) {
    return new SyncWait(points, what, true, timeout).awaitUninterruptibly().isPresent();
  }

  /**
   * Waits for the first of several points, of any timelines, or until the time is up (rule CS8).
   *
   * @param points one point or more
   * @param what what the wait is content with
   * @param timeout how long to wait; zero or less only looks
   * @return the index of the first in the list that has come about, or empty if the time was up
   * @throws FenceTimeoutException if all are submitted and foreign, and stayed silent for longer
   *     than their contexts allow
   * @throws FenceAbandonedException if a timeline is closed before its point is submitted
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if there is no point, or the wait is for SIGNALED and nobody
   *     has submitted a point
   * @throws IllegalStateException if a timeline is closed
   */
  public static OptionalInt awaitAny(List<SyncPoint> points, WaitFor what, Duration timeout)
      throws InterruptedException {
    return new SyncWait(points, what, false, timeout).await();
  }

  /**
   * Waits as {@link #awaitAny} does, not interruptibly: an interrupt is kept for later.
   *
   * @param points one point or more
   * @param what what the wait is content with
   * @param timeout how long to wait; zero or less only looks
   * @return the index of the first in the list that has come about, or empty if the time was up
   * @throws FenceTimeoutException if all are submitted and foreign, and stayed silent for longer
   *     than their contexts allow
   * @throws FenceAbandonedException if a timeline is closed before its point is submitted
   * @throws IllegalArgumentException if there is no point, or the wait is for SIGNALED and nobody
   *     has submitted a point
   * @throws IllegalStateException if a timeline is closed
   */
  public static OptionalInt awaitAnyUninterruptibly(
      List<SyncPoint> points, WaitFor what, Duration timeout) {
    return new SyncWait(points, what, false, timeout).awaitUninterruptibly();
  }

  @Override
  public String toString() {
    return "point %d of %s".formatted(number, timeline);
  }
}
