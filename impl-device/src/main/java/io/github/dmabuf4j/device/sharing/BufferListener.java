package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Waits for other processes to connect, at an address.
 *
 * <p><b>Who may.</b> Of a listener for its own user, {@link #open}, the file is the owner's alone
 * (mode 0600); and whoever connects is asked for by the kernel's word: only processes of the
 * listener's own user are let in, and root's. To one with a rule of its own, {@link #openTo},
 * everybody may connect who can reach the folder (mode 0666), and the rule says who is let in.
 * Others are turned away, and waiting goes on.
 *
 * <p><b>One at a path.</b> Of all that start at one path, in any process, one listens, and the
 * others are refused. A lock says so, a file beside the socket's, {@code PATH.lock}, which the
 * kernel opens when its process dies. A socket's file that was left by a process that was killed is
 * replaced; one on which somebody else listens or may listen, and a file that is no socket, is
 * refused. Both files are deleted at the close.
 *
 * <p><b>Threads.</b> Any. No lock is held while waiting. Several threads may accept at once.
 *
 * <p>Source: unix(7); design rules DV3, DV5.
 */
public final class BufferListener implements AutoCloseable {
  private static final int OWNER = 0600;
  private static final int EVERYBODY = 0666;

  private final Descriptor socket;
  private final PeerAddress address;
  private final Predicate<PeerCredentials> mayConnect;
  private final @Nullable SocketFile file;
  private final AtomicBoolean isClosed = new AtomicBoolean();

  private BufferListener(
      Descriptor socket,
      PeerAddress address,
      Predicate<PeerCredentials> mayConnect,
      @Nullable SocketFile file) {
    this.socket = socket;
    this.address = address;
    this.mayConnect = mayConnect;
    this.file = file;
  }

  /**
   * Listens for processes of the same user and root's.
   *
   * @param address where; the folder of a path must exist
   * @return a listener, to be closed
   * @throws DmaBufException if the address is in use, or the kernel refuses: says why
   * @throws IllegalArgumentException if there is a file at the path that is no socket
   */
  public static BufferListener open(PeerAddress address) {
    return open(address, OWNER, null);
  }

  /**
   * Listens for whoever a rule lets in, processes of other users included: it is asked about all
   * that can reach the address. Those who may search the folder of a path can.
   *
   * @param address where; the folder of a path must exist
   * @param mayConnect who is let in; runs on the thread that accepts, with no lock held
   * @return a listener, to be closed
   * @throws DmaBufException if the address is in use, or the kernel refuses: says why
   * @throws IllegalArgumentException if there is a file at the path that is no socket
   */
  public static BufferListener openTo(PeerAddress address, Predicate<PeerCredentials> mayConnect) {
    return open(address, EVERYBODY, Objects.requireNonNull(mayConnect, "mayConnect"));
  }

  private static BufferListener open(
      PeerAddress address, int permissions, @Nullable Predicate<PeerCredentials> mayConnect) {
    Descriptor socket = UnixSocket.create("listener at " + address);
    SocketFile file = null;
    boolean isGood = false;
    try {
      if (address.isAbstract()) {
        bindName(socket, address);
      } else {
        file = SocketFile.claim(address);
        file.bind(socket, permissions);
      }
      SyscallFailure.check("listen", address.toString(), UnixSocket.listen(socket));
      int own = UnixSocket.credentials(socket).uid();
      Predicate<PeerCredentials> sameUser = peer -> peer.uid() == own || peer.uid() == 0;
      isGood = true;
      return new BufferListener(socket, address, mayConnect == null ? sameUser : mayConnect, file);
    } finally {
      if (!isGood) {
        end(socket, file);
      }
    }
  }

  private static void bindName(Descriptor socket, PeerAddress address) {
    int result = UnixSocket.bind(socket, address.bytes());
    if (result == -linux_h.EADDRINUSE()) {
      throw SocketFile.inUse(address);
    }
    SyscallFailure.check("bind", address.toString(), result);
  }

  /** The file goes first: nobody takes it for one that was left, and the lock comes last. */
  private static void end(Descriptor socket, @Nullable SocketFile file) {
    try {
      if (file != null) {
        file.delete();
      }
      UnixSocket.shutdown(socket); // wakes who waits
    } finally {
      socket.close();
      if (file != null) {
        file.close();
      }
    }
  }

  /**
   * Where this listens.
   *
   * @return the address
   */
  public PeerAddress address() {
    return address;
  }

  /**
   * Waits for a process to connect. Those who are turned away don't make it longer.
   *
   * @param timeout how long at most, but for what the rule itself takes; zero or less only looks,
   *     at those who wait already
   * @return a connection, to be closed
   * @throws PeerException with {@link Problem#SILENT} if nobody connected in time who may
   * @throws DmaBufException if no descriptor is left: beyond the budget (EMFILE) the process is
   *     turned away, beyond the kernel's limits (EMFILE, ENFILE) it goes on waiting
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if this is closed, also while waiting
   */
  public BufferConnection accept(Duration timeout) throws InterruptedException {
    TimeLeft left = TimeLeft.of(timeout);
    int turnedAway = 0;
    Accepted accepted = new Accepted(); // there, before a descriptor is
    while (true) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      int fd = accepted.next(socket);
      if (fd >= 0) {
        BufferConnection connection = connection(accepted);
        if (mayConnect(connection)) {
          return connection;
        }
        turnedAway++;
        if (isOver(left, turnedAway)) {
          throw silent(timeout, turnedAway);
        }
      } else if (fd != -linux_h.EAGAIN()) {
        throw refused(-fd);
      } else if (!Poller.ofThisProcess().await(socket, Poller.IN, left.nanos())) {
        throw silent(timeout, turnedAway);
      }
    }
  }

  /** Who only looks sees as many as can be waiting, however fast others come. */
  private static boolean isOver(TimeLeft left, int turnedAway) {
    return left.nanos() == 0 && (left.limit() > 0 || turnedAway >= linux_h.SOMAXCONN());
  }

  private PeerException silent(Duration timeout, int turnedAway) {
    return new PeerException(
        Problem.SILENT,
        turnedAway == 0
            ? "nobody connected to %s within %s: start the other side, or wait longer"
                .formatted(address, timeout)
            : "nobody who may connected to %s within %s, %d were turned away: start the other side as a user who may, or wait longer"
                .formatted(address, timeout, turnedAway));
  }

  private RuntimeException refused(int number) {
    if (number == linux_h.EINVAL()) { // the socket was shut down
      return new IllegalStateException("the listener at %s is closed".formatted(address));
    }
    return new SyscallFailure("accept4", address.toString(), number).exception();
  }

  /** A descriptor that is nobody's yet: it is closed with this unless it was handed over. */
  private static final class Accepted implements IntSupplier, AutoCloseable {
    private static final int NONE = -1;
    private int fd = NONE;

    /** As {@link UnixSocket#accept}. */
    int next(Descriptor socket) {
      fd = UnixSocket.accept(socket);
      return fd;
    }

    /** Hands it over, to somebody who closes it whatever is thrown. */
    @Override
    public int getAsInt() {
      int handedOver = fd;
      fd = NONE;
      return handedOver;
    }

    @Override
    public void close() {
      if (fd >= 0) {
        int _ = Syscalls.close(fd);
      }
      fd = NONE;
    }
  }

  private BufferConnection connection(Accepted accepted) {
    Descriptor connected;
    try (accepted) {
      connected =
          DescriptorBudget.OF_THIS_PROCESS.make(
              Descriptor.Kind.SOCKET, "connection at " + address, "accept4", accepted);
    }
    return BufferConnection.over(connected);
  }

  private boolean mayConnect(BufferConnection connection) {
    boolean may = false;
    try {
      may = mayConnect.test(connection.peer());
      return may;
    } finally {
      if (!may) {
        connection.close();
      }
    }
  }

  /** Stops listening; connections stay. Deletes the socket's file. Closing again does nothing. */
  @Override
  public void close() {
    if (isClosed.compareAndSet(false, true)) {
      end(socket, file);
    }
  }

  @Override
  public String toString() {
    return "listener at " + address;
  }
}
