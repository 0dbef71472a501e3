package io.github.dmabuf4j;

import java.io.Serial;

/**
 * Thrown inside an {@link AcquireContext} when waiting for one more reservation could close a cycle
 * (design rule RL2; {@code EDEADLK} of {@code ww_mutex_lock}). Release everything the context
 * holds, take the contended reservation with {@link AcquireContext#lockSlow}, then the rest. {@link
 * AcquireContext#lockAll} never throws it, for it locks in one order.
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
    super(operation, Errno.EDEADLK, message, null);
  }
}
