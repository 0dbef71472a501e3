package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/**
 * A file whose last close sleeps in the kernel for as long as a test likes, at most ten minutes: a
 * TCP socket of this machine that lingers ({@code SO_LINGER}) over bytes that nobody reads.
 */
public final class SlowFile implements AutoCloseable {
  private static final MethodHandle SETSOCKOPT =
      Downcalls.function("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final int AF_INET = 2;
  private static final int SO_LINGER = 13;
  private static final int SECONDS = 600;
  private static final int BLOCK = 1 << 16;

  private final SocketChannel reader;
  private int fd;

  /** Makes one. */
  public SlowFile() throws IOException {
    try (ServerSocketChannel listener = ServerSocketChannel.open();
        Arena arena = Arena.ofConfined()) {
      InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
      listener.bind(any);
      fd = SyscallFailure.check("socket", "a test", SocketCalls.socket(AF_INET, type()));
      connect(((InetSocketAddress) listener.getLocalAddress()).getPort(), arena);
      reader = listener.accept();
      linger(arena);
      MemorySegment block = arena.allocate(BLOCK);
      long written = 0;
      while (written >= 0) {
        written = Syscalls.write(fd, block);
      }
    }
  }

  private static int type() {
    return linux_h.SOCK_STREAM() | linux_h.SOCK_CLOEXEC() | linux_h.SOCK_NONBLOCK();
  }

  private void connect(int port, Arena arena) {
    MemorySegment address = arena.allocate(16);
    address.set(JAVA_SHORT, 0, (short) AF_INET);
    address.set(JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN), 2, (short) port);
    byte[] host = {127, 0, 0, 1};
    MemorySegment.copy(host, 0, address, JAVA_BYTE, 4, host.length);
    int _ = SocketCalls.connect(fd, address, 16); // EINPROGRESS: it is accepted in a moment
  }

  private void linger(Arena arena) {
    MemorySegment setting = arena.allocateFrom(JAVA_INT, 1, SECONDS);
    long result =
        Downcalls.call(
            (errno, _) ->
                (int)
                    SETSOCKOPT.invokeExact(errno, fd, linux_h.SOL_SOCKET(), SO_LINGER, setting, 8));
    long _ = SyscallFailure.check("SO_LINGER", "a test", result);
  }

  /** Its number, which stays this object's. */
  public int fd() {
    return fd;
  }

  /** Hands the number over: whoever closes it sleeps. */
  public int detach() {
    int given = fd;
    fd = -1;
    return given;
  }

  /** It is somebody else's, too, by now: closes it here, which doesn't sleep then. */
  public void forget() {
    int _ = Syscalls.close(detach());
  }

  /** Lets whoever sleeps go on. */
  @Override
  public void close() throws IOException {
    reader.close(); // with bytes that weren't read: the other end is reset
    if (fd >= 0) {
      forget();
    }
  }
}
