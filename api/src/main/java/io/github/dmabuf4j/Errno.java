package io.github.dmabuf4j;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The Linux error that a failure corresponds to, so that every failure keeps the name a kernel
 * engineer would look for.
 *
 * <p>Failures that have no counterpart in the kernel carry none. The numbers are those of the
 * generic ABI ({@code asm-generic/errno.h}), which x86-64, AArch64 and RISC-V share.
 */
public enum Errno {
  /** Operation not permitted. */
  EPERM(1),
  /** No such file, device node or fence. */
  ENOENT(2),
  /** Interrupted while waiting. */
  EINTR(4),
  /** What was stored can't be read back. */
  EIO(5),
  /** A file descriptor that is closed, or of the wrong kind. */
  EBADF(9),
  /** Not now; the answer may differ later. */
  EAGAIN(11),
  /** Out of memory, or a heap's limit is reached. */
  ENOMEM(12),
  /** Permission denied. */
  EACCES(13),
  /** Bad address: the memory behind a buffer was taken away. */
  EFAULT(14),
  /** Somebody is using it. */
  EBUSY(16),
  /** No such device. */
  ENODEV(19),
  /** Invalid argument. */
  EINVAL(22),
  /** Too many open files in the whole system. */
  ENFILE(23),
  /** Too many open file descriptors in this process. */
  EMFILE(24),
  /** The file doesn't know this request. */
  ENOTTY(25),
  /** The file would be too large. */
  EFBIG(27),
  /** No room: where files in memory are concerned, no memory. */
  ENOSPC(28),
  /** Nobody reads what was written. */
  EPIPE(32),
  /** Waiting would close a cycle of reservations: back off. */
  EDEADLK(35),
  /** A wait reached its time limit. */
  ETIME(62),
  /** A value is too large for where it has to go. */
  EOVERFLOW(75),
  /** This can't be done here. */
  EOPNOTSUPP(95),
  /** The peer has gone in the middle. */
  ECONNRESET(104),
  /** Nobody listens. */
  ECONNREFUSED(111),
  /** The operation was given up by whoever was to finish it. */
  ECANCELED(125);

  private static final Map<Integer, Errno> BY_NUMBER =
      Arrays.stream(values()).collect(Collectors.toUnmodifiableMap(Errno::number, errno -> errno));

  private final int number;

  Errno(int number) {
    this.number = number;
  }

  /**
   * The error's number in the generic Linux ABI.
   *
   * @return a positive number
   */
  public int number() {
    return number;
  }

  /**
   * The error with a number.
   *
   * @param number of the generic Linux ABI
   * @return the error, or empty if this type has no name for it
   */
  public static Optional<Errno> of(int number) {
    return Optional.ofNullable(BY_NUMBER.get(number));
  }
}
