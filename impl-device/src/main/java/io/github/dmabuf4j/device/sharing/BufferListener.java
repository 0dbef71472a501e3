package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Waits for other processes to connect, at an address.
 *
 * <p><b>Who may.</b> The file of a socket is the owner's alone (mode 0600). Whoever connects is
 * also asked for by the kernel's word: unless said otherwise only processes of the listener's own
 * user are let in, and root's. Others are turned away, and waiting goes on.
 *
 * <p><b>A file that was left</b> by a process that was killed is replaced; one on which somebody
 * listens, and one that is no socket, is refused. The file is deleted at the close.
 *
 * <p><b>Threads.</b> Any. No lock is held while waiting. Several threads may accept at once.
 *
 * <p>Source: unix(7); design rules DV3, DV5.
 */
public final class BufferListener implements AutoCloseable {
  private final Descriptor socket;
  private final PeerAddress address;
  private final Predicate<PeerCredentials> mayConnect;
  private final @Nullable Object file;

  private BufferListener(
      Descriptor socket,
      PeerAddress address,
      Predicate<PeerCredentials> mayConnect,
      @Nullable Object file) {
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
    return open(address, null);
  }

  /**
   * Listens.
   *
   * @param address where; the folder of a path must exist
   * @param mayConnect who is let in; runs on the thread that accepts, with no lock held
   * @return a listener, to be closed
   * @throws DmaBufException if the address is in use, or the kernel refuses: says why
   * @throws IllegalArgumentException if there is a file at the path that is no socket
   */
  public static BufferListener openTo(PeerAddress address, Predicate<PeerCredentials> mayConnect) {
    return open(address, mayConnect);
  }

  private static BufferListener open(
      PeerAddress address, @Nullable Predicate<PeerCredentials> mayConnect) {
    Descriptor socket = UnixSocket.create("listener at " + address);
    boolean isGood = false;
    try {
      bind(socket, address);
      Object file = address.isAbstract() ? null : protect(Path.of(address.name()));
      SyscallFailure.check("listen", address.toString(), UnixSocket.listen(socket));
      int own = UnixSocket.credentials(socket).uid();
      Predicate<PeerCredentials> sameUser = peer -> peer.uid() == own || peer.uid() == 0;
      isGood = true;
      return new BufferListener(socket, address, mayConnect == null ? sameUser : mayConnect, file);
    } finally {
      if (!isGood) {
        socket.close();
      }
    }
  }

  private static void bind(Descriptor socket, PeerAddress address) {
    int result = UnixSocket.bind(socket, address.bytes());
    if (result == -linux_h.EADDRINUSE()) {
      if (!address.isAbstract() && removeStale(address)) {
        result = UnixSocket.bind(socket, address.bytes());
      }
      if (result == -linux_h.EADDRINUSE()) {
        throw new DmaBufException(
            "listen",
            Errno.EBUSY,
            "wanted to listen at %s, where somebody does already: end that process, or take another address"
                .formatted(address),
            null);
      }
    }
    SyscallFailure failure = new SyscallFailure("bind", address.toString(), -result);
    if (result == -linux_h.ENOENT()) {
      throw failure.exception("create the folder first");
    }
    if (result < 0) {
      throw failure.exception();
    }
  }

  /** Deletes a socket's file if nobody listens there. */
  private static boolean removeStale(PeerAddress address) {
    Path path = Path.of(address.name());
    Descriptor probe = UnixSocket.create("probe of " + address);
    try {
      BasicFileAttributes found =
          Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (!found.isOther()) {
        throw new IllegalArgumentException(
            "wanted to listen at %s, which is there and no socket: take another path"
                .formatted(address));
      }
      if (UnixSocket.connect(probe, address.bytes()) != -linux_h.ECONNREFUSED()) {
        return false;
      }
      return Files.deleteIfExists(path);
    } catch (IOException e) {
      return false; // what bind says next tells more
    } finally {
      probe.close();
    }
  }

  /** Keeps others out; nobody can have connected before listening begins. What the file is. */
  private static @Nullable Object protect(Path path) {
    try {
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
      return fileKey(path);
    } catch (IOException e) {
      throw new UncheckedIOException("the file of the socket can't be protected: " + path, e);
    }
  }

  private static @Nullable Object fileKey(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .fileKey();
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
   * Waits for a process to connect.
   *
   * @param timeout how long at most; zero or less only looks
   * @return a connection, to be closed
   * @throws PeerException with {@link Problem#SILENT} if nobody connected in time
   * @throws DmaBufException if no descriptor is left (EMFILE, ENFILE); the process is turned away
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if this is closed, also while waiting
   */
  public BufferConnection accept(Duration timeout) throws InterruptedException {
    TimeLeft left = TimeLeft.of(timeout);
    while (true) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      int fd = UnixSocket.accept(socket);
      if (fd >= 0) {
        BufferConnection connection = new BufferConnection(channel(fd));
        if (mayConnect(connection)) {
          return connection;
        }
      } else if (fd != -linux_h.EAGAIN()) {
        throw refused(-fd);
      } else if (!Poller.ofThisProcess().await(socket, Poller.IN, left.nanos())) {
        throw new PeerException(
            Problem.SILENT,
            "nobody connected to %s within %s: start the other side, or wait longer"
                .formatted(address, timeout));
      }
    }
  }

  private RuntimeException refused(int number) {
    if (number == linux_h.EINVAL()) { // the socket was shut down
      return new IllegalStateException("the listener at %s is closed".formatted(address));
    }
    return new SyscallFailure("accept4", address.toString(), number).exception();
  }

  private FrameChannel channel(int fd) {
    boolean isOwned = false;
    try {
      Descriptor connected =
          DescriptorBudget.OF_THIS_PROCESS.make(
              Descriptor.Kind.SOCKET, "connection at " + address, "accept4", () -> fd);
      isOwned = true;
      return new FrameChannel(connected);
    } finally {
      if (!isOwned) {
        int _ = Syscalls.close(fd);
      }
    }
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
    if (socket.isClosed()) {
      return;
    }
    try {
      UnixSocket.shutdown(socket); // wakes who waits
    } catch (IllegalStateException e) {
      return; // somebody else was faster
    }
    socket.close();
    if (file != null) {
      deleteFile(Path.of(address.name()), file);
    }
  }

  /** Unless it is somebody else's by now. */
  private static void deleteFile(Path path, Object file) {
    try {
      if (file.equals(fileKey(path))) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      // It is gone, or the folder is read-only: the next listener finds a file without a listener.
    }
  }

  @Override
  public String toString() {
    return "listener at " + address;
  }
}
