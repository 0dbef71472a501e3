package io.github.dmabuf4j;

import java.io.Serial;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The root of what goes wrong with buffers, fences and heaps: which operation, on what, and the
 * Linux error it corresponds to.
 *
 * <p>Two kinds of mistake are not below it, because the JDK has names for them: a closed handle and
 * a broken locking rule are {@link IllegalStateException}s, a bad argument is an {@link
 * IllegalArgumentException}.
 *
 * <p>Immutable.
 */
public class DmaBufException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  /** What failed. */
  private final String operation;

  /** What the kernel would say, or null. */
  private final @Nullable Errno errno;

  /**
   * Creates an exception.
   *
   * @param operation the operation that failed, as a user would name it, for example {@code
   *     "allocate"}
   * @param errno the Linux error this corresponds to, or {@code null} where there is none
   * @param message what was wanted, what came, and what to do
   * @param cause what caused it, or {@code null}
   */
  public DmaBufException(
      String operation, @Nullable Errno errno, String message, @Nullable Throwable cause) {
    super(message + (errno == null ? "" : " [" + errno + "]"), cause);
    this.operation = Objects.requireNonNull(operation, "operation");
    this.errno = errno;
  }

  /** For what is thrown to change the flow of control: with or without a stack trace. */
  DmaBufException(String operation, Errno errno, String message, boolean stackTrace) {
    super(message + " [" + errno + "]", null, true, stackTrace);
    this.operation = operation;
    this.errno = errno;
  }

  /**
   * The operation that failed.
   *
   * @return its name
   */
  public final String operation() {
    return operation;
  }

  /**
   * The Linux error that this failure corresponds to.
   *
   * @return the error, or empty where the kernel has none
   */
  public final Optional<Errno> errno() {
    return Optional.ofNullable(errno);
  }
}
