package io.github.dmabuf4j;

import java.io.Serial;
import java.time.Duration;

/**
 * Thrown when a wait for a fence reached its deadline, or a foreign fence stayed silent for longer
 * than its context allows (design rules FN1, FN5). The message names who created the fence, who
 * waited, and on what chain: what the fence itself waits for, where that is known, and so on.
 *
 * <p>The fence itself is still pending: buffers that carry it stay <i>quarantined</i>, that is
 * neither reused nor moved nor evicted nor unmapped, until it signals or its context is closed.
 *
 * <p>Immutable.
 */
public final class FenceTimeoutException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  private final transient Fence fence;

  /** How long it was waited for. */
  private final Duration waited;

  /**
   * Creates an exception.
   *
   * @param operation the operation that waited
   * @param fence the fence that did not signal
   * @param waited how long it was waited for
   * @param message what was waited for, by whom, and what to do
   */
  public FenceTimeoutException(String operation, Fence fence, Duration waited, String message) {
    super(operation, Errno.ETIME, message, null);
    this.fence = fence;
    this.waited = waited;
  }

  /** A deadline of the caller's has passed. */
  static FenceTimeoutException afterDeadline(Fence fence, Duration waited) {
    return afterDeadline(fence, waited, Thread.currentThread());
  }

  /** A deadline has passed of somebody who may be more than a thread, for example a job. */
  static FenceTimeoutException afterDeadline(Fence fence, Duration waited, Object waiter) {
    return new FenceTimeoutException(
        "await",
        fence,
        waited,
        "%s did not signal within %s; waiter: %s. Find out what its producer waits for, or wait with a longer deadline"
            .formatted(WaitChain.of(fence), waited, waiter));
  }

  /** A foreign fence was silent for longer than its context allows (design rule FN1). */
  static FenceTimeoutException afterSilence(Fence fence, Duration silence) {
    return new FenceTimeoutException(
        "await",
        fence,
        silence,
        "the foreign fence %s stayed silent for %s; waiter: %s. Its buffers stay quarantined until it signals or its context is closed"
            .formatted(WaitChain.of(fence), silence, Thread.currentThread()));
  }

  /**
   * The fence that did not signal.
   *
   * @return the fence, still pending when the exception was made
   */
  public Fence fence() {
    return fence;
  }

  /**
   * How long it was waited for.
   *
   * @return a positive duration, or zero where the deadline had already passed
   */
  public Duration waited() {
    return waited;
  }
}
