package io.github.dmabuf4j;

import java.io.Serial;
import java.time.Duration;
import java.util.Optional;

/**
 * Thrown when a wait for a {@link SyncPoint} reached its deadline: nobody has submitted the point,
 * or its work isn't done. The message says which, who waited, and who created what is pending
 * (design rule FN5).
 *
 * <p>Immutable.
 */
public final class SyncTimeoutException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  private final transient SyncPoint point;

  /** How long it was waited for. */
  private final Duration waited;

  /**
   * Creates an exception.
   *
   * @param operation the operation that waited
   * @param point the point that was not reached
   * @param waited how long it was waited for
   * @param message what was waited for, by whom, and what to do
   */
  public SyncTimeoutException(String operation, SyncPoint point, Duration waited, String message) {
    super(operation, Errno.ETIME, message, null);
    this.point = point;
    this.waited = waited;
  }

  static SyncTimeoutException of(SyncPoint point, SyncPoint.WaitFor what, Duration waited) {
    Optional<Fence> fence = Optional.ofNullable(point.timeline().look(point.number()));
    String why =
        fence
            .map(pending -> "it stands for " + WaitChain.of(pending))
            .orElse("nobody has submitted it");
    return new SyncTimeoutException(
        "await",
        point,
        waited,
        "%s was not %s within %s: %s; waiter: %s. Find out what the client that submits waits for, or wait with a longer deadline"
            .formatted(
                point,
                what == SyncPoint.WaitFor.AVAILABLE ? "available" : "signaled",
                waited,
                why,
                Thread.currentThread()));
  }

  /**
   * The point that was not reached.
   *
   * @return the point
   */
  public SyncPoint point() {
    return point;
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
