package io.github.dmabuf4j;

import java.io.Serial;

/**
 * Thrown by {@link Heaps#open(String)} when no provider can serve a heap here: which heap, why not,
 * and the exact line that would fix it.
 *
 * <p>Immutable.
 */
public final class HeapUnavailableException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param message which heap was wanted, why it can't be opened, and what would fix it
   */
  public HeapUnavailableException(String message) {
    super("open heap", Errno.ENODEV, message, null);
  }

  /** One with a cause. */
  HeapUnavailableException(String message, Throwable cause) {
    super("open heap", Errno.ENODEV, message, cause);
  }
}
