package io.github.dmabuf4j;

import java.io.Serial;

/**
 * Thrown inside an {@link AcquireContext} when waiting for one more reservation could close a cycle
 * (design rule RL2; {@code EDEADLK} of {@code ww_mutex_lock}): an older context holds it, or waits
 * for one that this context holds. Let it pass if a {@link AcquireContext#run} is around; else
 * release everything the context holds ({@link AcquireContext#backOff}), take the contended
 * reservation ({@link AcquireContext#lockSlow}), then the rest. {@link AcquireContext#lockAll} does
 * all that by itself and never throws it.
 *
 * <p>It says how to go on, not that something is wrong; so it has a stack trace only where the
 * validator is on ({@link Lockdep}).
 *
 * <p>Immutable.
 */
public final class DeadlockException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param operation the operation that failed
   * @param message what was wanted, what came, and what to do
   */
  public DeadlockException(String operation, String message) {
    super(operation, Errno.EDEADLK, message, Lockdep.isEnabled());
  }
}
