package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;

/**
 * What is said of a call that failed: which one, on what, why, and what to do (design rule DV1).
 *
 * @param call as the manual names it, for example {@code "DMA_HEAP_IOCTL_ALLOC"}
 * @param subject what it was about, a path or a buffer's name, and how much was wanted
 * @param number the error number, positive
 */
public record SyscallFailure(String call, String subject, int number) {
  /** What to do about an error of one particular call. */
  @FunctionalInterface
  public interface Advice {
    /**
     * What would make the call succeed.
     *
     * @param errno why it failed
     * @return words, or empty where the advice that fits any call is good
     */
    String against(Errno errno);
  }

  /**
   * A call that is about to be made.
   *
   * @param call as the manual names it
   * @param subject what it is about, a path or a buffer's name, and how much is wanted
   * @param advice what to do where it fails
   */
  public record Subject(String call, String subject, Advice advice) {
    /**
     * A call without advice of its own.
     *
     * @param call as the manual names it
     * @param subject what it is about
     */
    public Subject(String call, String subject) {
      this(call, subject, errno -> "");
    }

    /**
     * Reads its result.
     *
     * @param result what the call returned
     * @return the result, at least 0
     * @throws DmaBufException if it is an error number, with the call's own advice, or else that
     *     which fits any
     */
    public long check(long result) {
      if (result >= 0) {
        return result;
      }
      SyscallFailure failure = new SyscallFailure(call, subject, (int) -result);
      String own = Errno.of(failure.number).map(advice::against).orElse("");
      throw own.isEmpty() ? failure.exception() : failure.exception(own);
    }
  }

  /**
   * Reads a result.
   *
   * @param call as the manual names it
   * @param subject what it was about
   * @param result what the call returned
   * @return the result, at least 0
   * @throws DmaBufException if it is an error number, with the advice that fits any call
   */
  public static int check(String call, String subject, int result) {
    return (int) check(call, subject, (long) result);
  }

  /**
   * Reads a result.
   *
   * @param call as the manual names it
   * @param subject what it was about
   * @param result what the call returned
   * @return the result, at least 0
   * @throws DmaBufException if it is an error number, with the advice that fits any call
   */
  public static long check(String call, String subject, long result) {
    if (result < 0) {
      throw new SyscallFailure(call, subject, (int) -result).exception();
    }
    return result;
  }

  /**
   * The exception with the advice that fits any call.
   *
   * @return a new exception
   */
  public DmaBufException exception() {
    return exception(usualAdvice());
  }

  /**
   * The exception with advice for this call.
   *
   * @param advice what would make it succeed
   * @return a new exception
   */
  public DmaBufException exception(String advice) {
    return new DmaBufException(
        call,
        Errno.of(number).orElse(null),
        "%s of %s failed, %s: %s".formatted(call, subject, reason(), advice),
        null);
  }

  private String reason() {
    return Errno.of(number).map(SyscallFailure::reasonOf).orElse("error " + number);
  }

  private static String reasonOf(Errno errno) {
    return switch (errno) {
      case EPERM -> "it is not permitted";
      case ENOENT -> "there is no such thing";
      case EINTR -> "it was interrupted";
      case EIO -> "the device or file failed";
      case ENXIO -> "there is nothing behind it";
      case EBADF -> "the descriptor is closed, or of the wrong kind";
      case EAGAIN -> "not now";
      case ENOMEM -> "there is no memory for it";
      case EACCES -> "permission was denied";
      case EFAULT -> "an address is bad";
      case EBUSY -> "somebody is using it";
      case EEXIST -> "there is something already";
      case ENODEV -> "there is no such device";
      case ENOTDIR -> "a part of the path is no folder";
      case EISDIR -> "it is a folder";
      case EINVAL -> "an argument is invalid";
      case ENFILE -> "the system has no file left";
      case EMFILE -> "the process has no descriptor left";
      case ENOTTY -> "the file doesn't know this request";
      case ETXTBSY -> "a program runs from it";
      case ENOSPC -> "there is no room";
      case EROFS -> "the file system can't be written to";
      case EPIPE -> "the other side has gone";
      case ECONNRESET -> "the other side has gone in the middle";
      case ENOTCONN -> "it isn't connected";
      case ETOOMANYREFS -> "too many descriptors are on their way";
      case EDQUOT -> "this user's part of the disk is used up";
      case ECONNREFUSED -> "nobody listens";
      case EFBIG -> "a file can't be as large";
      case EDEADLK -> "it would deadlock";
      case ENAMETOOLONG -> "a name is too long";
      case ENOLCK -> "the system has no lock left";
      case ENOSYS -> "there is no such call";
      case ELOOP -> "there are symbolic links, too many or where none may be";
      case EOVERFLOW -> "a value doesn't fit";
      case EPROTOTYPE -> "the socket there is of another type";
      case EOPNOTSUPP -> "it isn't supported";
      case EADDRINUSE -> "somebody has the address";
      case ETIME -> "it took too long";
      case ECANCELED -> "it was given up";
    };
  }

  private String usualAdvice() {
    return switch (Errno.of(number).orElse(Errno.EIO)) {
      case EMFILE -> DescriptorBudget.OF_THIS_PROCESS.advice();
      case ENFILE -> "close files of other processes, or raise it: sysctl fs.file-max";
      case ENOMEM -> "free memory of this machine or container, or lower the heap's limit";
      case ENOSPC -> "free memory of this machine or container: files in memory count as shared";
      case EACCES, EPERM -> "run as a user who may use it; ./dmabuf4j doctor shows the exact line";
      case EPIPE, ECONNRESET, ENOTCONN -> "connect anew when the other side runs again";
      case ECONNREFUSED -> "start the other side first";
      case ETOOMANYREFS -> "have the peer read what it was sent, or raise ulimit -n";
      case EPROTOTYPE -> "somebody listens there for something else: take another address";
      case EADDRINUSE -> "end whoever has it, or take another address";
      case ENOENT -> "see that the path is right, and that what makes it has run";
      case ENODEV, ENXIO -> "load the driver; ./dmabuf4j doctor shows the exact line";
      case EEXIST -> "delete what is there, or take another path";
      case ENOTDIR, EISDIR -> "take the path of a file, in a folder";
      case ELOOP -> "take the path that the links lead to, if you trust who made them";
      case ENAMETOOLONG -> "take a shorter path";
      case EROFS -> "take a path that can be written to, or mount its file system so";
      case ETXTBSY -> "end the program that runs from it, or take another file";
      case EFBIG -> "ask for less, or raise the limit on files: ulimit -f";
      case EDQUOT -> "delete files of this user, or have its quota raised";
      case ENOLCK -> "let others give theirs back, or take a path on a local disk";
      case ENOSYS -> "run a newer kernel, or have the sandbox (seccomp) let the call through";
      case EBUSY -> "end whoever uses it, or wait until it is free";
      default -> "this is unexpected; please report it with the message as it is";
    };
  }
}
