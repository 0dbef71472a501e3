package io.github.dmabuf4j;

import java.io.Serial;

/**
 * Thrown when a {@link BufferConsumer} waited in vain for its producer: nothing was queued in time,
 * and the stream wasn't ended either. The message says who has each buffer.
 *
 * <p>Immutable.
 */
public final class NothingQueuedException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param message what was waited for, by whom, who has each buffer, and what to do
   */
  public NothingQueuedException(String message) {
    super("acquire", Errno.ETIME, message, null);
  }
}
