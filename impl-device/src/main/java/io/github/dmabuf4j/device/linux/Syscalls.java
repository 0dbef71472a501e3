package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The calls of the C library that this module makes, as 64-bit Linux has them. As system calls do,
 * each returns its result, or the negative error number; none throws, retries or decides anything.
 *
 * <p><b>Use.</b> Loading this class binds the functions: it needs Linux and native access, which
 * {@link Platform} checks first.
 *
 * <p><b>Threads.</b> Any; there is no state. A call that waits in the kernel holds its carrier.
 */
public final class Syscalls {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURED = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CAPTURED.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");

  // int f(int, …)
  private static final MethodHandle CLOSE = bind("close", JAVA_INT, JAVA_INT);
  private static final MethodHandle FTRUNCATE = bind("ftruncate", JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle FALLOCATE =
      bind("fallocate", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle LSEEK = bind("lseek", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
  private static final MethodHandle FCNTL =
      bindVariadic("fcntl", 2, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle IOCTL =
      bindVariadic("ioctl", 2, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS);
  private static final MethodHandle OPEN =
      bindVariadic("open", 2, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle STATX =
      bind("statx", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle FSTATFS = bind("fstatfs", JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle READ = bind("read", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle WRITE = bind("write", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle POLL = bind("poll", JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);

  // memory
  private static final MethodHandle MEMFD_CREATE =
      bind("memfd_create", JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle MMAP =
      bind("mmap", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle MUNMAP = bind("munmap", JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GETPAGESIZE =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("getpagesize"), FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle GETRLIMIT = bind("getrlimit", JAVA_INT, JAVA_INT, ADDRESS);

  // waiting
  private static final MethodHandle EPOLL_CREATE1 = bind("epoll_create1", JAVA_INT, JAVA_INT);
  private static final MethodHandle EPOLL_CTL =
      bind("epoll_ctl", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle EPOLL_WAIT =
      bind("epoll_wait", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle EVENTFD = bind("eventfd", JAVA_INT, JAVA_INT, JAVA_INT);

  // sockets
  private static final MethodHandle SOCKET = bind("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle SOCKETPAIR =
      bind("socketpair", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle BIND = bind("bind", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle LISTEN = bind("listen", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle ACCEPT4 =
      bind("accept4", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
  private static final MethodHandle CONNECT =
      bind("connect", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle SHUTDOWN = bind("shutdown", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle GETSOCKOPT =
      bind("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle SENDMSG =
      bind("sendmsg", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle RECVMSG =
      bind("recvmsg", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT);

  private Syscalls() {}

  private static MethodHandle bind(
      String function, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(function),
        FunctionDescriptor.of(result, arguments),
        CAPTURE);
  }

  private static MethodHandle bindVariadic(
      String function, int named, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(function),
        FunctionDescriptor.of(result, arguments),
        CAPTURE,
        Linker.Option.firstVariadicArg(named));
  }

  /** One call, given where to put the error number. */
  @FunctionalInterface
  private interface Call {
    long make(MemorySegment captured, Arena scratch) throws Throwable;
  }

  private static long call(Call call) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      long result = call.make(captured, scratch);
      return result == -1 ? -(int) ERRNO.get(captured, 0L) : result;
    } catch (Throwable e) {
      if (e instanceof Error error) {
        throw error;
      }
      throw new AssertionError("a downcall that throws nothing threw", e);
    }
  }

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
   * Closes a descriptor. It is closed whatever is returned, so this is never repeated.
   *
   * @param fd the descriptor
   * @return 0, or the negative error number
   */
  public static int close(int fd) {
    return (int) call((errno, _) -> (int) CLOSE.invokeExact(errno, fd));
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
   * Tells of which file system an open file is.
   *
   * @param fd its descriptor
   * @param result a {@code struct statfs}
   * @return 0, or the negative error number
   */
  public static int fstatfs(int fd, MemorySegment result) {
    return (int) call((errno, _) -> (int) FSTATFS.invokeExact(errno, fd, result));
  }

  /** Of fcntl.h: the descriptor itself is meant. */
  private static final int AT_EMPTY_PATH = 0x1000;

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
   * Undoes a mapping.
   *
   * @param address where it begins
   * @param bytes how many
   * @return 0, or the negative error number
   */
  public static int munmap(long address, long bytes) {
    return (int) call((errno, _) -> (int) MUNMAP.invokeExact(errno, address, bytes));
  }

  /**
   * The size of the machine's pages.
   *
   * @return bytes, a power of two
   */
  public static int getpagesize() {
    return (int) call((_, _) -> (int) GETPAGESIZE.invokeExact());
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

  // ---- sockets ----

  /**
   * Makes a socket.
   *
   * @param domain {@code AF_…}
   * @param type {@code SOCK_…}
   * @return a descriptor, or the negative error number
   */
  public static int socket(int domain, int type) {
    return (int) call((errno, _) -> (int) SOCKET.invokeExact(errno, domain, type, 0));
  }

  /**
   * Makes two sockets that are connected.
   *
   * @param domain {@code AF_UNIX}
   * @param type {@code SOCK_…}
   * @param descriptors two ints for the answer
   * @return 0, or the negative error number
   */
  public static int socketpair(int domain, int type, MemorySegment descriptors) {
    return (int)
        call((errno, _) -> (int) SOCKETPAIR.invokeExact(errno, domain, type, 0, descriptors));
  }

  /**
   * Gives a socket an address.
   *
   * @param fd its descriptor
   * @param address a {@code struct sockaddr_un}
   * @param length how much of it counts, in bytes
   * @return 0, or the negative error number
   */
  public static int bind(int fd, MemorySegment address, int length) {
    return (int) call((errno, _) -> (int) BIND.invokeExact(errno, fd, address, length));
  }

  /**
   * Lets others connect to a socket.
   *
   * @param fd its descriptor
   * @param backlog how many may be waiting
   * @return 0, or the negative error number
   */
  public static int listen(int fd, int backlog) {
    return (int) call((errno, _) -> (int) LISTEN.invokeExact(errno, fd, backlog));
  }

  /**
   * Accepts a connection.
   *
   * @param fd the descriptor of the listening socket
   * @param flags {@code SOCK_…}
   * @return a descriptor, or the negative error number
   */
  public static int accept(int fd, int flags) {
    return (int)
        call(
            (errno, _) ->
                (int)
                    ACCEPT4.invokeExact(errno, fd, MemorySegment.NULL, MemorySegment.NULL, flags));
  }

  /**
   * Connects a socket.
   *
   * @param fd its descriptor
   * @param address a {@code struct sockaddr_un}
   * @param length how much of it counts, in bytes
   * @return 0, or the negative error number
   */
  public static int connect(int fd, MemorySegment address, int length) {
    return (int) call((errno, _) -> (int) CONNECT.invokeExact(errno, fd, address, length));
  }

  /**
   * Ends a connection without closing its descriptor: whoever waits for it is woken.
   *
   * @param fd its descriptor
   * @param how {@code SHUT_…}
   * @return 0, or the negative error number
   */
  public static int shutdown(int fd, int how) {
    return (int) call((errno, _) -> (int) SHUTDOWN.invokeExact(errno, fd, how));
  }

  /**
   * Asks for an option of a socket.
   *
   * @param fd its descriptor
   * @param level {@code SOL_…}
   * @param option {@code SO_…}
   * @param value for the answer
   * @param length an int: how many bytes there are, then how many were written
   * @return 0, or the negative error number
   */
  public static int getsockopt(
      int fd, int level, int option, MemorySegment value, MemorySegment length) {
    return (int)
        call((errno, _) -> (int) GETSOCKOPT.invokeExact(errno, fd, level, option, value, length));
  }

  /**
   * Sends bytes and descriptors.
   *
   * @param fd the descriptor of the socket
   * @param message a {@code struct msghdr}
   * @param flags {@code MSG_…}
   * @return how many bytes, or the negative error number
   */
  public static long sendmsg(int fd, MemorySegment message, int flags) {
    return call((errno, _) -> (long) SENDMSG.invokeExact(errno, fd, message, flags));
  }

  /**
   * Receives bytes and descriptors.
   *
   * @param fd the descriptor of the socket
   * @param message a {@code struct msghdr}, for the answer
   * @param flags {@code MSG_…}
   * @return how many bytes, 0 at the end, or the negative error number
   */
  public static long recvmsg(int fd, MemorySegment message, int flags) {
    return call((errno, _) -> (long) RECVMSG.invokeExact(errno, fd, message, flags));
  }
}
