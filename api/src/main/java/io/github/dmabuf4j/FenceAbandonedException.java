package io.github.dmabuf4j;

import java.io.Serial;

/**
 * The error of a fence whose producer went away before signaling it: its {@link FenceContext} was
 * closed or lost, or its {@link Job} was closed without a signal (design rule FN1). Also thrown by
 * a wait for a {@link SyncPoint} whose timeline was closed before anybody submitted it.
 *
 * <p>Immutable.
 */
public final class FenceAbandonedException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param operation the operation that failed
   * @param message what was wanted, what came, and what to do
   */
  public FenceAbandonedException(String operation, String message) {
    super(operation, Errno.ECANCELED, message, null);
  }
}
