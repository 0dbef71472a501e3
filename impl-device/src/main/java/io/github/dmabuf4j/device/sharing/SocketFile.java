package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.LockFile;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;

/**
 * The file of a listening socket, and the right to listen there.
 *
 * <p><b>Invariant.</b> Of all who use this class, only who has the lock beside the file, {@code
 * PATH.lock}, binds a socket at the path, replaces a file that was left, or deletes its own. It is
 * held from before the file is made until after it was deleted. So the file at the path is that of
 * the one who listens; a file that is found is nobody's who uses this class; and whether it is
 * somebody else's is asked of the kernel, by connecting.
 *
 * <p><b>Threads.</b> One at a time.
 */
final class SocketFile implements AutoCloseable {
  private final PeerAddress address;
  private final Path path;
  private final LockFile lock;
  private @Nullable Object key;

  private SocketFile(PeerAddress address, LockFile lock) {
    this.address = address;
    this.path = Path.of(address.name());
    this.lock = lock;
  }

  /**
   * Takes the right to listen at a path.
   *
   * @throws DmaBufException if somebody listens there (EBUSY), or the lock can't be made
   */
  static SocketFile claim(PeerAddress address) {
    return new SocketFile(
        address,
        LockFile.tryLock(Path.of(address.name() + ".lock"), "lock of the listener at " + address)
            .orElseThrow(() -> inUse(address)));
  }

  /** What to say where somebody listens already. */
  static DmaBufException inUse(PeerAddress address) {
    return new DmaBufException(
        "listen",
        Errno.EBUSY,
        "wanted to listen at %s, where somebody does already: end that process, or take another address"
            .formatted(address),
        null);
  }

  /**
   * Makes the file, of a socket on which nobody listens yet.
   *
   * @param permissions who may connect, as {@code ls} writes it
   * @throws DmaBufException if somebody listens there (EBUSY), or the kernel refuses
   * @throws IllegalArgumentException if there is a file that is no socket
   */
  void bind(Descriptor socket, String permissions) {
    int result = UnixSocket.bind(socket, address.bytes());
    if (result == -linux_h.EADDRINUSE() && removeStale()) {
      result = UnixSocket.bind(socket, address.bytes());
    }
    if (result == -linux_h.EADDRINUSE()) {
      throw inUse(address);
    }
    int _ = SyscallFailure.check("bind", address.toString(), result);
    try {
      key = key(path);
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    } catch (IOException e) {
      throw new UncheckedIOException("the file of the socket can't be protected: " + path, e);
    }
  }

  /** Deletes a socket's file if nobody listens there. */
  private boolean removeStale() {
    try (Descriptor probe = UnixSocket.create("probe of " + address)) {
      BasicFileAttributes found =
          Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (!found.isOther()) {
        throw new IllegalArgumentException(
            "wanted to listen at %s, which is there and no socket: take another path"
                .formatted(address));
      }
      return UnixSocket.connect(probe, address.bytes()) == -linux_h.ECONNREFUSED()
          && Files.deleteIfExists(path);
    } catch (IOException e) {
      return false; // what bind says next tells more
    }
  }

  private static @Nullable Object key(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .fileKey();
  }

  /**
   * Deletes the file, unless it is somebody else's by now. The right to listen stays; nobody who
   * connects finds the socket any more.
   */
  void delete() {
    try {
      if (key != null && key.equals(key(path))) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      // It is gone, or the folder is read-only: the next listener finds a file without a listener.
    }
  }

  /** Gives the right to listen up. */
  @Override
  public void close() {
    lock.close();
  }
}
