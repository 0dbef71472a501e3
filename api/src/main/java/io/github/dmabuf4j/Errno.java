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
  /** There is nothing behind a device node. */
  ENXIO(6),
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
  /** There is something at the path already. */
  EEXIST(17),
  /** No such device. */
  ENODEV(19),
  /** A part of the path is no folder. */
  ENOTDIR(20),
  /** It is a folder. */
  EISDIR(21),
  /** Invalid argument. */
  EINVAL(22),
  /** Too many open files in the whole system. */
  ENFILE(23),
  /** Too many open file descriptors in this process. */
  EMFILE(24),
  /** The file doesn't know this request. */
  ENOTTY(25),
  /** A program runs from this file. */
  ETXTBSY(26),
  /** The file would be too large. */
  EFBIG(27),
  /** No room: where files in memory are concerned, no memory. */
  ENOSPC(28),
  /** The file system can't be written to. */
  EROFS(30),
  /** Nobody reads what was written. */
  EPIPE(32),
  /** Waiting would close a cycle of reservations: back off. */
  EDEADLK(35),
  /** A name or a path is too long. */
  ENAMETOOLONG(36),
  /** The system has no lock left. */
  ENOLCK(37),
  /** The kernel, or a sandbox, doesn't know the call. */
  ENOSYS(38),
  /** Symbolic links, too many or where none may be. */
  ELOOP(40),
  /** A wait reached its time limit. */
  ETIME(62),
  /** A value is too large for where it has to go. */
  EOVERFLOW(75),
  /** There is a socket of another type at the address. */
  EPROTOTYPE(91),
  /** This can't be done here. */
  EOPNOTSUPP(95),
  /** Somebody has the address. */
  EADDRINUSE(98),
  /** The peer has gone in the middle. */
  ECONNRESET(104),
  /** The socket isn't connected. */
  ENOTCONN(107),
  /** Too many descriptors are on their way to others. */
  ETOOMANYREFS(109),
  /** Nobody listens. */
  ECONNREFUSED(111),
  /** This user's part of the disk is used up. */
  EDQUOT(122),
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
