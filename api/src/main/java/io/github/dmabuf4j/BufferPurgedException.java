package io.github.dmabuf4j;

import java.io.Serial;

/**
 * Thrown when the content of a buffer is asked for after reclaim dropped it: the owner had said
 * {@link Advice#DONT_NEED} (design rules SH2, PN3; {@code madvise} of the drm drivers). The handle
 * stays valid, the content is gone for good; allocate a new buffer.
 *
 * <p>Immutable.
 */
public final class BufferPurgedException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param operation the operation that failed
   * @param message what was wanted, what came, and what to do
   */
  public BufferPurgedException(String operation, String message) {
    super(operation, Errno.ENOMEM, message, null);
  }
}
