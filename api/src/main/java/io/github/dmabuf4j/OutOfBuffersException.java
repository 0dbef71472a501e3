package io.github.dmabuf4j;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * Thrown when there is no buffer: a heap can't serve an allocation under the caller's policy
 * (design rule AL6), or nobody gave one back to a {@link BufferQueue} in time. The message says how
 * much was wanted, what the limit is and who holds the memory; of a queue, who has each buffer.
 *
 * <p>Immutable.
 */
public final class OutOfBuffersException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  /** What was asked for. */
  private final long requestedBytes;

  /** What was committed. */
  private final long committedBytes;

  /** What may be committed. */
  private final long limitBytes;

  /**
   * Creates an exception.
   *
   * @param requestedBytes what was asked for, in bytes
   * @param committedBytes what the heap had committed then, in bytes
   * @param limitBytes the heap's limit, in bytes
   * @param message what was wanted, what is there, who holds it, and what to do
   */
  public OutOfBuffersException(
      long requestedBytes, long committedBytes, long limitBytes, String message) {
    this(requestedBytes, committedBytes, limitBytes, message, null);
  }

  /**
   * Creates an exception with a cause, where the operating system refused.
   *
   * @param requestedBytes what was asked for, in bytes
   * @param committedBytes what the heap had committed then, in bytes
   * @param limitBytes the heap's limit, in bytes
   * @param message what was wanted, what is there, and what to do
   * @param cause why it was refused, or null
   */
  public OutOfBuffersException(
      long requestedBytes,
      long committedBytes,
      long limitBytes,
      String message,
      @Nullable Throwable cause) {
    super("allocate", Errno.ENOMEM, message, cause);
    this.requestedBytes = requestedBytes;
    this.committedBytes = committedBytes;
    this.limitBytes = limitBytes;
  }

  /** A queue's buffers or slots are in use; all its buffers are what it may have. */
  OutOfBuffersException(String operation, long requestedBytes, long queueBytes, String message) {
    super(operation, Errno.ETIME, message, null);
    this.requestedBytes = requestedBytes;
    this.committedBytes = queueBytes;
    this.limitBytes = queueBytes;
  }

  /**
   * What was asked for.
   *
   * @return bytes; of a queue, the size of its largest buffer, or of the one to attach
   */
  public long requestedBytes() {
    return requestedBytes;
  }

  /**
   * What the heap had committed: live, idle and quarantined bytes (design rule AL9).
   *
   * @return bytes; of a queue, the size of all its buffers
   */
  public long committedBytes() {
    return committedBytes;
  }

  /**
   * The heap's limit.
   *
   * @return bytes; of a queue, the size of all its buffers
   */
  public long limitBytes() {
    return limitBytes;
  }
}
