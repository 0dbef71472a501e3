package io.github.dmabuf4j.device.linux;

import static io.github.dmabuf4j.device.linux.Downcalls.call;
import static io.github.dmabuf4j.device.linux.Downcalls.function;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The calls of the C library for sockets, as 64-bit Linux has them, in the manner of {@link
 * Syscalls}.
 *
 * <p><b>Threads.</b> Any; there is no state. A call that waits in the kernel holds its carrier.
 */
public final class SocketCalls {
  private static final MethodHandle SOCKET =
      function("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle SOCKETPAIR =
      function("socketpair", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle BIND = function("bind", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle LISTEN = function("listen", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle ACCEPT4 =
      function("accept4", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
  private static final MethodHandle CONNECT =
      function("connect", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle SHUTDOWN = function("shutdown", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle GETSOCKOPT =
      function("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle SENDMSG =
      function("sendmsg", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle RECVMSG =
      function("recvmsg", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT);

  private SocketCalls() {}

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
