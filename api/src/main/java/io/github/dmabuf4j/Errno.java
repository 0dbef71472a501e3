package io.github.dmabuf4j;

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
  /** Too many open file descriptors in this process. */
  EMFILE(24),
  /** Waiting would close a cycle of reservations: back off. */
  EDEADLK(35),
  /** A wait reached its time limit. */
  ETIME(62),
  /** The operation was given up by whoever was to finish it. */
  ECANCELED(125);

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
}
