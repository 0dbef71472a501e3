package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.sockaddr_un;
import io.github.dmabuf4j.device.linux.bindings.ucred;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Sockets between processes of this machine: {@code AF_UNIX}, {@code SOCK_SEQPACKET}. They keep the
 * boundaries of messages, so that descriptors belong to one message and a length that a peer writes
 * can be held against what came; and they are connected, so that a peer's end is noticed. None of
 * them ever blocks.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: net/unix/af_unix.c; design rules DV3, DV5.
 */
public final class UnixSocket {
  /** The most bytes of an address: one less than the kernel has room for, which ends a path. */
  public static final int MAX_ADDRESS =
      (int) (sockaddr_un.sizeof() - sockaddr_un.sun_path$offset()) - 1;

  private static final int TYPE =
      linux_h.SOCK_SEQPACKET() | linux_h.SOCK_CLOEXEC() | linux_h.SOCK_NONBLOCK();

  /**
   * Who is at the other end, as the kernel knows it: nobody can lie about it.
   *
   * @param pid the process that connected or listened
   * @param uid its effective user then
   * @param gid its effective group then
   */
  public record Credentials(int pid, int uid, int gid) {}

  private UnixSocket() {}

  /**
   * Makes a socket.
   *
   * @param holder who will have it, as a report names it
   * @return a socket without an address
   * @throws DmaBufException if no descriptor is left (EMFILE, ENFILE)
   */
  public static Descriptor create(String holder) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.SOCKET,
        holder,
        "socket",
        () -> SocketCalls.socket(linux_h.AF_UNIX(), TYPE));
  }

  /**
   * Makes two sockets that are connected.
   *
   * @param holder who will have them, as a report names it
   * @return both
   * @throws DmaBufException if no descriptor is left (EMFILE, ENFILE)
   */
  public static List<Descriptor> pair(String holder) {
    return pair(
        holder, fd -> DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.SOCKET, holder, fd));
  }

  /**
   * Makes two sockets that are connected.
   *
   * @param adopt makes a descriptor of a number, or closes it and throws
   */
  static List<Descriptor> pair(String holder, IntFunction<Descriptor> adopt) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment both = arena.allocate(JAVA_INT, 2);
      SyscallFailure.check(
          "socketpair",
          holder,
          Restarted.call(() -> SocketCalls.socketpair(linux_h.AF_UNIX(), TYPE, both)));
      return adopt(both.getAtIndex(JAVA_INT, 0), both.getAtIndex(JAVA_INT, 1), adopt);
    }
  }

  /** Both, or none stays open. */
  private static List<Descriptor> adopt(int first, int second, IntFunction<Descriptor> adopt) {
    Descriptor one = null;
    Descriptor other = null;
    boolean done = false;
    try {
      one = adopt.apply(first);
      other = adopt.apply(second);
      List<Descriptor> both = List.of(one, other);
      done = true;
      return both;
    } finally {
      if (one == null) {
        int _ = Syscalls.close(second);
      } else if (!done) {
        one.close();
        if (other != null) {
          other.close();
        }
      }
    }
  }

  /**
   * Says who may connect to a socket that is going to be bound to a path: its file has this mode,
   * less the process's umask, from the moment when it exists.
   *
   * @param socket one without an address
   * @param mode the permissions of the file; who may write to it may connect
   * @return 0, or the negative error number
   */
  public static int allow(Descriptor socket, int mode) {
    return socket.use(fd -> Syscalls.fchmod(fd, mode));
  }

  /**
   * Gives a socket its address.
   *
   * @param socket which
   * @param address a path; or a name that exists only while the socket does, after a byte of 0. At
   *     most {@link #MAX_ADDRESS} bytes
   * @return 0, or the negative error number
   */
  public static int bind(Descriptor socket, byte[] address) {
    return withAddress(
        address, (name, length) -> socket.use(fd -> SocketCalls.bind(fd, name, length)));
  }

  /**
   * Connects a socket.
   *
   * @param socket which
   * @param address as for {@link #bind}
   * @return 0, or the negative error number: EAGAIN if the listener has too many to accept
   */
  public static int connect(Descriptor socket, byte[] address) {
    return withAddress(
        address,
        (name, length) ->
            socket.use(fd -> Restarted.call(() -> SocketCalls.connect(fd, name, length))));
  }

  @FunctionalInterface
  private interface AddressCall {
    int make(MemorySegment address, int length);
  }

  private static int withAddress(byte[] address, AddressCall call) {
    if (address.length == 0 || address.length > MAX_ADDRESS) {
      throw new IllegalArgumentException(
          "wanted an address of 1 to %d bytes, got %d".formatted(MAX_ADDRESS, address.length));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = sockaddr_un.allocate(arena);
      sockaddr_un.sun_family(name, (short) linux_h.AF_UNIX());
      long offset = sockaddr_un.sun_path$offset();
      MemorySegment.copy(address, 0, name, JAVA_BYTE, offset, address.length);
      int end =
          address[0] == 0 ? 0 : 1; // a path ends with a byte of 0, other names with the length
      return call.make(name, (int) offset + address.length + end);
    }
  }

  /**
   * Lets others connect, as many at once as the kernel keeps.
   *
   * @param socket one that has an address
   * @return 0, or the negative error number
   */
  public static int listen(Descriptor socket) {
    return socket.use(fd -> SocketCalls.listen(fd, linux_h.SOMAXCONN()));
  }

  /**
   * Accepts a connection if there is one.
   *
   * @param socket one that listens
   * @return a new descriptor, which is nobody's yet, or the negative error number: EAGAIN if nobody
   *     has connected
   */
  public static int accept(Descriptor socket) {
    int flags = linux_h.SOCK_CLOEXEC() | linux_h.SOCK_NONBLOCK();
    return socket.use(fd -> Restarted.call(() -> SocketCalls.accept(fd, flags)));
  }

  /**
   * Who is at the other end; of a socket that listens, who listens.
   *
   * @param socket one that is connected, or listens
   * @return what the kernel noted then
   * @throws DmaBufException if it is no such socket
   */
  public static Credentials credentials(Descriptor socket) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = ucred.allocate(arena);
      MemorySegment length = arena.allocateFrom(JAVA_INT, (int) found.byteSize());
      int result =
          socket.use(
              fd ->
                  SocketCalls.getsockopt(
                      fd, linux_h.SOL_SOCKET(), linux_h.SO_PEERCRED(), found, length));
      SyscallFailure.check("SO_PEERCRED", socket.toString(), result);
      return new Credentials(ucred.pid(found), ucred.uid(found), ucred.gid(found));
    }
  }

  /**
   * Ends a connection for both sides: whoever waits for it is woken. The descriptor stays open.
   *
   * @param socket one that is connected, or was
   */
  public static void shutdown(Descriptor socket) {
    int _ =
        socket.use(fd -> SocketCalls.shutdown(fd, linux_h.SHUT_RDWR())); // may have ended before
  }
}
