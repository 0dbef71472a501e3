package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import java.io.Serial;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Thrown when the other process went away, fell silent, or said something that can't be true
 * (design rule DV5). The message names the process and what it did. Whatever came with it was
 * closed.
 *
 * <p>Immutable.
 */
public final class PeerException extends DmaBufException {
  @Serial private static final long serialVersionUID = 1L;

  /** What a peer did. */
  public enum Problem {
    /** It closed the connection, or died. */
    GONE(Errno.ECONNRESET),
    /** It said nothing in time. The connection can still be used. */
    SILENT(Errno.ETIME),
    /** It doesn't read what it is sent. */
    BUSY(Errno.EAGAIN),
    /** It speaks something else, or another version of this protocol. */
    HEADER(Errno.EINVAL),
    /** It said something that is not expected now, or not known. */
    KIND(Errno.EINVAL),
    /** A message is shorter or longer than it says, or than its kind can be. */
    LENGTH(Errno.EINVAL),
    /** A message is missing, or came twice. */
    SEQUENCE(Errno.EINVAL),
    /** There are more or fewer descriptors than there should be. */
    DESCRIPTORS(Errno.EBADF),
    /** A descriptor isn't the memory that it is said to be, or memory that can be taken away. */
    MEMORY(Errno.EINVAL),
    /** A descriptor isn't the fence that it is said to be. */
    FENCE(Errno.EINVAL),
    /** A number or text is out of range, or contradicts another. */
    CONTENT(Errno.EINVAL),
    /** It handed on a buffer that wasn't in its hand, or was on another turn. */
    TOKEN(Errno.EINVAL),
    /** It sends more than this process can take now. */
    LIMIT(Errno.EMFILE);

    private final Errno errno;

    Problem(Errno errno) {
      this.errno = errno;
    }
  }

  /** What the peer did. */
  private final Problem problem;

  /** The message, without what is added to it. */
  private final String said;

  /**
   * Creates an exception.
   *
   * @param problem what the peer did
   * @param message who the peer is, what was wanted, what came, and what to do
   */
  PeerException(Problem problem, String message) {
    this(problem, message, null);
  }

  /**
   * Creates an exception.
   *
   * @param problem what the peer did
   * @param message who the peer is, what was wanted, what came, and what to do
   * @param cause what was noticed, or null
   */
  PeerException(Problem problem, String message, @Nullable Throwable cause) {
    super("share", problem.errno, message, cause);
    this.said = message;
    this.problem = Objects.requireNonNull(problem, "problem");
  }

  /** The same for another thread, with the trace of where it is met there. */
  PeerException again() {
    return new PeerException(problem, said, this);
  }

  /**
   * What the peer did.
   *
   * @return one of the problems
   */
  public Problem problem() {
    return problem;
  }
}
