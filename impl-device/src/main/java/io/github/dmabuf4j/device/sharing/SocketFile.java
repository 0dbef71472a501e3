package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.FileStatus;
import io.github.dmabuf4j.device.linux.LockFile;
import io.github.dmabuf4j.device.linux.OpenFlags;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
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
  private @Nullable FileStatus file;

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
   * Makes the file, of a socket on which nobody listens yet. It never has more permissions than it
   * is to have, not even for a moment.
   *
   * @param permissions who may connect, as {@code chmod} takes it
   * @throws DmaBufException if somebody listens there (EBUSY), or may do so (EACCES), or the file
   *     of one who doesn't any more can't be deleted, or the kernel refuses
   * @throws IllegalArgumentException if there is a file that is no socket
   */
  void bind(Descriptor socket, int permissions) {
    int _ =
        SyscallFailure.check("fchmod", address.toString(), UnixSocket.allow(socket, permissions));
    int result = UnixSocket.bind(socket, address.bytes());
    if (result == -linux_h.EADDRINUSE()) {
      removeStale();
      result = UnixSocket.bind(socket, address.bytes());
    }
    if (result == -linux_h.EADDRINUSE()) {
      throw inUse(address);
    }
    int _ = SyscallFailure.check("bind", address.toString(), result);
    FileStatus made =
        FileStatus.at(path).filter(FileStatus::isSocket).orElseThrow(() -> replaced(path));
    file = made;
    if (made.permissions() != permissions) {
      allow(path, socket, permissions);
    }
  }

  /**
   * Gives the file the permissions that the process's umask took away. What is at the path by then
   * is opened without following links, and changed only if it is a socket of the same user: in a
   * folder that others may write to, they may have put anything there.
   *
   * @throws DmaBufException if something else is at the path, or the kernel refuses
   */
  static void allow(Path path, Descriptor socket, int permissions) {
    int flags = linux_h.O_PATH() | linux_h.O_CLOEXEC() | OpenFlags.NO_FOLLOW;
    try (Descriptor opened =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.SOCKET,
            "the file of the listener at " + path,
            "open",
            () -> Syscalls.open(path.toString(), flags))) {
      FileStatus found = FileStatus.of(opened);
      if (!found.isSocket() || found.owner() != FileStatus.of(socket).owner()) {
        throw replaced(path);
      }
      int _ =
          SyscallFailure.check(
              "chmod",
              path.toString(),
              opened.use(fd -> Syscalls.chmod("/proc/self/fd/" + fd, permissions)));
    }
  }

  private static DmaBufException replaced(Path path) {
    return new DmaBufException(
        "listen",
        null,
        "wanted to listen at %s, where somebody deleted or replaced the file of the socket at once: take a folder in which nobody else may do that"
            .formatted(path),
        null);
  }

  // ---- files that were left ----

  /** Deletes a socket's file on which nobody listens; returns if there is none any more. */
  private void removeStale() {
    Optional<FileStatus> found = FileStatus.at(path);
    if (found.isEmpty()) {
      return;
    }
    if (!found.get().isSocket()) {
      throw new IllegalArgumentException(
          "wanted to listen at %s, which is there and no socket: take another path"
              .formatted(address));
    }
    int answer = probe();
    if (answer == -linux_h.EACCES()) {
      throw mayBeInUse();
    }
    if (answer != -linux_h.ECONNREFUSED() && answer != -linux_h.ENOENT()) {
      throw inUse(address);
    }
    try {
      boolean _ = Files.deleteIfExists(path);
    } catch (IOException e) {
      throw undeletable(e);
    }
  }

  /** Connects: only the kernel knows whether somebody listens. */
  private int probe() {
    try (Descriptor probe = UnixSocket.create("probe of " + address)) {
      return UnixSocket.connect(probe, address.bytes());
    }
  }

  private DmaBufException mayBeInUse() {
    return new DmaBufException(
        "listen",
        Errno.EACCES,
        "wanted to listen at %s, where a socket is to which this user may not connect, so that nobody can say whether somebody listens there: if nobody does, have its owner delete the file, or take another address"
            .formatted(address),
        null);
  }

  private DmaBufException undeletable(IOException cause) {
    return new DmaBufException(
        "listen",
        Errno.EACCES,
        "wanted to listen at %s, where a socket was left on which nobody listens, and this user may not delete it: have its owner do that, or take another address"
            .formatted(address),
        cause);
  }

  // ---- the end ----

  /**
   * Deletes the file, unless it is somebody else's by now. The right to listen stays; nobody who
   * connects finds the socket any more.
   */
  void delete() {
    FileStatus made = file;
    try {
      if (made != null && FileStatus.at(path).filter(made::isSameFile).isPresent()) {
        boolean _ = Files.deleteIfExists(path);
      }
    } catch (IOException | DmaBufException e) {
      // It is gone, or the folder is read-only: the next listener finds a file without a listener.
    }
  }

  /** Gives the right to listen up. */
  @Override
  public void close() {
    lock.close();
  }
}
