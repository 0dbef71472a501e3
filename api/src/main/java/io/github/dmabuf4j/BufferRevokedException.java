package io.github.dmabuf4j;

import java.io.Serial;

/**
 * Thrown when the memory behind a buffer was taken away during an access: a file was truncated
 * under its mapping, a device is gone (design rule CA4). The JVM reports such a fault as an {@link
 * InternalError}, which is the cause of this exception.
 *
 * <p>Immutable.
 */
public final class BufferRevokedException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param operation the operation that failed
   * @param message what was wanted, what came, and what to do
   * @param cause the fault as the JVM reported it
   */
  public BufferRevokedException(String operation, String message, Throwable cause) {
    super(operation, Errno.EFAULT, message, cause);
  }

  /**
   * What to throw for an error that was met while bytes were touched.
   *
   * @param operation the operation that failed
   * @param subject whose memory it was
   * @param error what the JVM, or somebody else, threw
   * @return the error itself if it says nothing of memory: then it is the body's own
   */
  static Throwable of(String operation, Object subject, InternalError error) {
    String message = error.getMessage();
    return message != null && message.contains("unsafe memory access")
        ? new BufferRevokedException(
            operation, "the memory of %s was taken away during an access".formatted(subject), error)
        : error;
  }
}
