package io.github.dmabuf4j.device.linux;

import static io.github.dmabuf4j.device.linux.Downcalls.call;
import static io.github.dmabuf4j.device.linux.Downcalls.function;
import static io.github.dmabuf4j.device.linux.Downcalls.plainFunction;
import static io.github.dmabuf4j.device.linux.Downcalls.unexpected;
import static io.github.dmabuf4j.device.linux.Downcalls.variadicFunction;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The calls of the C library that this module makes, as 64-bit Linux has them, but for those of
 * sockets: {@link SocketCalls}. As system calls do, each returns its result, or the negative error
 * number, but for two that say so; none throws, retries or decides anything.
 *
 * <p><b>Use.</b> Loading this class binds the functions: it needs Linux and native access, which
 * {@link Platform} checks first.
 *
 * <p><b>Threads.</b> Any; there is no state. A call that waits in the kernel holds its carrier.
 */
public final class Syscalls {
  // int f(int, …)
  private static final MethodHandle CLOSE = plainFunction("close", JAVA_INT, JAVA_INT);
  private static final MethodHandle FTRUNCATE =
      function("ftruncate", JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle FALLOCATE =
      function("fallocate", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle LSEEK =
      function("lseek", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
  private static final MethodHandle FCNTL =
      variadicFunction("fcntl", 2, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle IOCTL =
      variadicFunction("ioctl", 2, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS);
  private static final MethodHandle OPEN =
      variadicFunction("open", 2, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle STATX =
      function("statx", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle FSTATFS = function("fstatfs", JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle FCHMOD = function("fchmod", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle CHMOD = function("chmod", JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle FLOCK = function("flock", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle READ =
      function("read", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle WRITE =
      function("write", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle PREAD =
      function("pread", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle POLL = function("poll", JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);

  // memory
  private static final MethodHandle MEMFD_CREATE =
      function("memfd_create", JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle MMAP =
      function("mmap", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle MUNMAP =
      plainFunction("munmap", JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GETPAGESIZE = plainFunction("getpagesize", JAVA_INT);
  private static final MethodHandle GETRLIMIT = function("getrlimit", JAVA_INT, JAVA_INT, ADDRESS);

  // waiting
  private static final MethodHandle EPOLL_CREATE1 = function("epoll_create1", JAVA_INT, JAVA_INT);
  private static final MethodHandle EPOLL_CTL =
      function("epoll_ctl", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle EPOLL_WAIT =
      function("epoll_wait", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle EVENTFD = function("eventfd", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle TIMERFD_CREATE =
      function("timerfd_create", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle TIMERFD_SETTIME =
      function("timerfd_settime", JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle TIMERFD_GETTIME =
      function("timerfd_gettime", JAVA_INT, JAVA_INT, ADDRESS);

  private Syscalls() {}

  // ---- files ----

  /**
   * Opens a path.
   *
   * @param path an absolute path
   * @param flags {@code O_…}; no file is created
   * @return a descriptor, or the negative error number
   */
  public static int open(String path, int flags) {
    return (int)
        call(
            (errno, scratch) ->
                (int) OPEN.invokeExact(errno, scratch.allocateFrom(path), flags, 0));
  }

  /**
   * Opens a path, and makes a file there if there is none.
   *
   * @param path a path
   * @param flags {@code O_…}; {@code O_CREAT} is added
   * @param mode who may do what with a file that is made
   * @return a descriptor, or the negative error number
   */
  public static int openOrCreate(String path, int flags, int mode) {
    int all = flags | linux_h.O_CREAT();
    return (int)
        call(
            (errno, scratch) ->
                (int) OPEN.invokeExact(errno, scratch.allocateFrom(path), all, mode));
  }

  /**
   * Closes a descriptor. It is closed whatever is returned, so this is never repeated. Needs no
   * Java heap; so which error it was isn't known.
   *
   * @param fd the descriptor
   * @return 0, or -1
   */
  public static int close(int fd) {
    try {
      return (int) CLOSE.invokeExact(fd);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /**
   * Sets the size of a file.
   *
   * @param fd its descriptor
   * @param bytes the size
   * @return 0, or the negative error number
   */
  public static int ftruncate(int fd, long bytes) {
    return (int) call((errno, _) -> (int) FTRUNCATE.invokeExact(errno, fd, bytes));
  }

  /**
   * Provides the memory behind a range of a file, or takes it away, as the mode says.
   *
   * @param fd its descriptor
   * @param mode {@code FALLOC_FL_…}, 0 to provide
   * @param offset where the range begins
   * @param bytes how long it is
   * @return 0, or the negative error number
   */
  public static int fallocate(int fd, int mode, long offset, long bytes) {
    return (int) call((errno, _) -> (int) FALLOCATE.invokeExact(errno, fd, mode, offset, bytes));
  }

  /**
   * Moves the offset of a file, or tells the size of a dma-buf.
   *
   * @param fd its descriptor
   * @param offset where to
   * @param whence {@code SEEK_…}
   * @return the offset from the beginning, or the negative error number
   */
  public static long lseek(int fd, long offset, int whence) {
    return call((errno, _) -> (long) LSEEK.invokeExact(errno, fd, offset, whence));
  }

  /**
   * Asks or changes something of a descriptor.
   *
   * @param fd the descriptor
   * @param command {@code F_…}
   * @param argument a number
   * @return what the command says, or the negative error number
   */
  public static int fcntl(int fd, int command, long argument) {
    return (int) call((errno, _) -> (int) FCNTL.invokeExact(errno, fd, command, argument));
  }

  /**
   * Makes a request of a driver.
   *
   * @param fd the descriptor of its device or file
   * @param request the number of the request
   * @param argument the struct it reads and writes
   * @return what the request says, or the negative error number
   */
  public static int ioctl(int fd, long request, MemorySegment argument) {
    return (int) call((errno, _) -> (int) IOCTL.invokeExact(errno, fd, request, argument));
  }

  /**
   * Tells about an open file.
   *
   * @param fd its descriptor
   * @param mask {@code STATX_…}
   * @param result a {@code struct statx}
   * @return 0, or the negative error number
   */
  public static int statx(int fd, int mask, MemorySegment result) {
    return (int)
        call(
            (errno, scratch) ->
                (int)
                    STATX.invokeExact(
                        errno, fd, scratch.allocateFrom(""), AT_EMPTY_PATH, mask, result));
  }

  /**
   * Tells about what is at a path: of a symbolic link, about the link itself.
   *
   * @param path a path
   * @param mask {@code STATX_…}
   * @param result a {@code struct statx}
   * @return 0, or the negative error number
   */
  public static int statxOfPath(String path, int mask, MemorySegment result) {
    return (int)
        call(
            (errno, scratch) ->
                (int)
                    STATX.invokeExact(
                        errno,
                        linux_h.AT_FDCWD(),
                        scratch.allocateFrom(path),
                        AT_SYMLINK_NOFOLLOW,
                        mask,
                        result));
  }

  /**
   * Tells of which file system an open file is.
   *
   * @param fd its descriptor
   * @param result a {@code struct statfs}
   * @return 0, or the negative error number
   */
  public static int fstatfs(int fd, MemorySegment result) {
    return (int) call((errno, _) -> (int) FSTATFS.invokeExact(errno, fd, result));
  }

  /**
   * Says who may open a file anew.
   *
   * @param fd its descriptor
   * @param mode who may do what
   * @return 0, or the negative error number
   */
  public static int fchmod(int fd, int mode) {
    return (int) call((errno, _) -> (int) FCHMOD.invokeExact(errno, fd, mode));
  }

  /**
   * Says who may use what is at a path; of a symbolic link, what it leads to.
   *
   * @param path a path
   * @param mode who may do what
   * @return 0, or the negative error number
   */
  public static int chmod(String path, int mode) {
    return (int)
        call((errno, scratch) -> (int) CHMOD.invokeExact(errno, scratch.allocateFrom(path), mode));
  }

  /**
   * Locks an open file, for all who have it from the same opening.
   *
   * @param fd its descriptor
   * @param operation {@code LOCK_…}
   * @return 0, or the negative error number: EAGAIN if somebody else has it locked
   */
  public static int flock(int fd, int operation) {
    return (int) call((errno, _) -> (int) FLOCK.invokeExact(errno, fd, operation));
  }

  /** Of fcntl.h: the descriptor itself is meant. */
  private static final int AT_EMPTY_PATH = 0x1000;

  /** Of fcntl.h: a link itself is meant. */
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;

  /**
   * Reads bytes.
   *
   * @param fd the descriptor
   * @param into where to, as many as fit
   * @return how many, 0 at the end, or the negative error number
   */
  public static long read(int fd, MemorySegment into) {
    return call((errno, _) -> (long) READ.invokeExact(errno, fd, into, into.byteSize()));
  }

  /**
   * Writes bytes.
   *
   * @param fd the descriptor
   * @param from which
   * @return how many, or the negative error number
   */
  public static long write(int fd, MemorySegment from) {
    return call((errno, _) -> (long) WRITE.invokeExact(errno, fd, from, from.byteSize()));
  }

  /**
   * Reads bytes of a file from a place on, which moves nothing.
   *
   * @param fd its descriptor
   * @param into where to, as many as fit
   * @param offset from where on
   * @return how many, 0 at the end, or the negative error number
   */
  public static long pread(int fd, MemorySegment into, long offset) {
    return call((errno, _) -> (long) PREAD.invokeExact(errno, fd, into, into.byteSize(), offset));
  }

  // ---- memory ----

  /**
   * Makes a file in memory.
   *
   * @param name for {@code /proc}, at most 249 bytes
   * @param flags {@code MFD_…}
   * @return a descriptor, or the negative error number
   */
  public static int memfdCreate(String name, int flags) {
    return (int)
        call(
            (errno, scratch) ->
                (int) MEMFD_CREATE.invokeExact(errno, scratch.allocateFrom(name), flags));
  }

  /**
   * Maps a file from its beginning, where the kernel likes.
   *
   * @param fd its descriptor
   * @param bytes how many
   * @param protection {@code PROT_…}
   * @param flags {@code MAP_…}
   * @return an address, or the negative error number: between -4095 and -1
   */
  public static long mmap(int fd, long bytes, int protection, int flags) {
    return call(
        (errno, _) ->
            (long) MMAP.invokeExact(errno, MemorySegment.NULL, bytes, protection, flags, fd, 0L));
  }

  /**
   * Undoes a mapping. Needs no Java heap; so which error it was isn't known.
   *
   * @param address where it begins
   * @param bytes how many
   * @return 0, or -1
   */
  public static int munmap(long address, long bytes) {
    try {
      return (int) MUNMAP.invokeExact(address, bytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /**
   * The size of the machine's pages.
   *
   * @return bytes, a power of two
   */
  public static int getpagesize() {
    try {
      return (int) GETPAGESIZE.invokeExact();
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /**
   * A limit of this process.
   *
   * @param resource {@code RLIMIT_…}
   * @param result a {@code struct rlimit}
   * @return 0, or the negative error number
   */
  public static int getrlimit(int resource, MemorySegment result) {
    return (int) call((errno, _) -> (int) GETRLIMIT.invokeExact(errno, resource, result));
  }

  // ---- waiting ----

  /**
   * Waits until descriptors are ready.
   *
   * @param descriptors an array of {@code struct pollfd}
   * @param count how many
   * @param milliseconds how long at most, 0 not to wait, negative without limit
   * @return how many are ready, or the negative error number
   */
  public static int poll(MemorySegment descriptors, long count, int milliseconds) {
    return (int)
        call((errno, _) -> (int) POLL.invokeExact(errno, descriptors, count, milliseconds));
  }

  /**
   * Makes a set of descriptors to wait for.
   *
   * @param flags {@code EPOLL_CLOEXEC}
   * @return a descriptor, or the negative error number
   */
  public static int epollCreate(int flags) {
    return (int) call((errno, _) -> (int) EPOLL_CREATE1.invokeExact(errno, flags));
  }

  /**
   * Changes the set.
   *
   * @param epoll its descriptor
   * @param operation {@code EPOLL_CTL_…}
   * @param fd which descriptor
   * @param event a {@code struct epoll_event}, or NULL
   * @return 0, or the negative error number
   */
  public static int epollControl(int epoll, int operation, int fd, MemorySegment event) {
    return (int)
        call((errno, _) -> (int) EPOLL_CTL.invokeExact(errno, epoll, operation, fd, event));
  }

  /**
   * Waits until descriptors of the set are ready. Holds its carrier: for platform threads.
   *
   * @param epoll its descriptor
   * @param events an array of {@code struct epoll_event} for the answer
   * @param count how many fit
   * @param milliseconds how long at most, negative without limit
   * @return how many are ready, or the negative error number
   */
  public static int epollWait(int epoll, MemorySegment events, int count, int milliseconds) {
    return (int)
        call((errno, _) -> (int) EPOLL_WAIT.invokeExact(errno, epoll, events, count, milliseconds));
  }

  /**
   * Makes a counter that can be waited for.
   *
   * @param count its first value
   * @param flags {@code EFD_…}
   * @return a descriptor, or the negative error number
   */
  public static int eventfd(int count, int flags) {
    return (int) call((errno, _) -> (int) EVENTFD.invokeExact(errno, count, flags));
  }

  /**
   * Makes a timer that can be waited for, not yet set.
   *
   * @param clock {@code CLOCK_…}
   * @param flags {@code TFD_…}
   * @return a descriptor, or the negative error number
   */
  public static int timerfdCreate(int clock, int flags) {
    return (int) call((errno, _) -> (int) TIMERFD_CREATE.invokeExact(errno, clock, flags));
  }

  /**
   * Sets such a timer, from now on.
   *
   * @param fd its descriptor
   * @param when a {@code struct itimerspec}
   * @return 0, or the negative error number
   */
  public static int timerfdSettime(int fd, MemorySegment when) {
    return (int)
        call(
            (errno, _) ->
                (int) TIMERFD_SETTIME.invokeExact(errno, fd, 0, when, MemorySegment.NULL));
  }

  /**
   * Tells how such a timer is set. Never sleeps, whatever the descriptor is of.
   *
   * @param fd any descriptor
   * @param result a {@code struct itimerspec}
   * @return 0, or the negative error number: EINVAL if it is of no timer
   */
  public static int timerfdGettime(int fd, MemorySegment result) {
    return (int) call((errno, _) -> (int) TIMERFD_GETTIME.invokeExact(errno, fd, result));
  }
}
