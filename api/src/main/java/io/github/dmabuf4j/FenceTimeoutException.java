package io.github.dmabuf4j;

import java.io.Serial;
import java.time.Duration;
import java.util.List;

/**
 * Thrown when a wait for a fence reached its deadline, or a foreign fence stayed silent for longer
 * than its context allows (design rules FN1, FN5). The message names who created the fence, who
 * waited and on what chain.
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
    return new FenceTimeoutException(
        "await",
        fence,
        waited,
        "%s did not signal within %s; waiting was %s. Find out what its producer waits for, or wait with a longer deadline"
            .formatted(described(fence), waited, Thread.currentThread()));
  }

  /** A foreign fence was silent for longer than its context allows (design rule FN1). */
  static FenceTimeoutException afterSilence(Fence fence, Duration silence) {
    return new FenceTimeoutException(
        "await",
        fence,
        silence,
        "the foreign fence %s stayed silent for %s; waiting was %s. Its buffers stay quarantined until it signals or its context is closed"
            .formatted(described(fence), silence, Thread.currentThread()));
  }

  /** The fence, and with a container the plain fences that are pending in it. */
  static String described(Fence fence) {
    if (!(fence instanceof FenceArray || fence instanceof FenceChain)) {
      return fence.toString();
    }
    List<Fence> pending =
        Fences.unwrap(List.of(fence)).stream().filter(leaf -> !leaf.isSignaled()).toList();
    return "%s, waiting for %d fences: %s%s"
        .formatted(
            fence,
            pending.size(),
            pending.subList(0, Math.min(pending.size(), 10)),
            pending.size() > 10 ? " and others" : "");
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
