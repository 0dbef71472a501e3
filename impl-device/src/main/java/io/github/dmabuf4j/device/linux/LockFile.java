package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A lock among processes: a file that is there for it alone ({@code flock}). The kernel lets go of
 * it when its process dies.
 *
 * <p><b>Invariant.</b> Whoever has a lock file has the only lock on the file that is at the path,
 * until somebody who doesn't know of it changes the folder. Only who has the lock deletes the file,
 * once, before letting go; so whoever gets a lock looks whether its file is still the one at the
 * path, and else tries that one. A file that isn't one's own is never deleted.
 *
 * <p><b>Links.</b> A symbolic link at the path is refused: in a folder that others may write to, it
 * would have a file made or locked wherever they like.
 *
 * <p><b>Threads.</b> Any. Two openings of one process exclude each other as two processes do.
 *
 * <p>Source: flock(2).
 */
public final class LockFile implements AutoCloseable {
  private static final int OWNER_ONLY = 0600;

  private final Path path;
  private final Descriptor file;
  private final AtomicBoolean isClosed = new AtomicBoolean();

  private LockFile(Path path, Descriptor file) {
    this.path = path;
    this.file = file;
  }

  /**
   * Takes the lock if nobody has it. Doesn't wait.
   *
   * @param path where the file is, or will be: its owner's alone
   * @param holder who will have it, as a report names it
   * @return the lock, to be closed; empty if somebody has it
   * @throws DmaBufException if the file can't be made or locked, or is a symbolic link or a folder:
   *     says why
   */
  public static Optional<LockFile> tryLock(Path path, String holder) {
    while (true) {
      Descriptor file = open(path, holder);
      boolean isOurs = false;
      try {
        int result = file.use(LockFile::lock);
        if (result == -linux_h.EAGAIN()) {
          return Optional.empty();
        }
        int _ = SyscallFailure.check("flock", path.toString(), result);
        if (isAt(path, file)) {
          isOurs = true;
          return Optional.of(new LockFile(path, file));
        }
      } finally {
        if (!isOurs) {
          file.close();
        }
      }
    }
  }

  private static Descriptor open(Path path, String holder) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.SOCKET,
        holder,
        new SyscallFailure.Subject("open", path.toString(), LockFile::advice),
        () -> openOrCreate(path));
  }

  private static int openOrCreate(Path path) {
    int flags = linux_h.O_RDWR() | linux_h.O_CLOEXEC() | linux_h.O_NONBLOCK() | OpenFlags.NO_FOLLOW;
    int result = Syscalls.openOrCreate(path.toString(), flags, OWNER_ONLY);
    if (result == -Errno.ELOOP.number()) {
      throw refused(Errno.ELOOP, path, "a symbolic link, which may lead anywhere");
    } else if (result == -Errno.EISDIR.number()) {
      throw refused(Errno.EISDIR, path, "a folder");
    }
    return result;
  }

  private static DmaBufException refused(Errno errno, Path path, String found) {
    return new DmaBufException(
        "open",
        errno,
        "wanted a file of its own for the lock %s, found %s: delete that, or take another path"
            .formatted(path, found),
        null);
  }

  private static String advice(Errno errno) {
    return switch (errno) {
      case ENOENT -> "create the folder first";
      case EACCES ->
          "take a folder in which you may make files; or the file is another user's, who has the"
              + " lock or has to delete it";
      default -> "";
    };
  }

  private static int lock(int fd) {
    return Restarted.call(() -> Syscalls.flock(fd, linux_h.LOCK_EX() | linux_h.LOCK_NB()));
  }

  /** Whether a file is the one at a path: it may have been deleted, moved or replaced. */
  static boolean isAt(Path path, Descriptor file) {
    return FileStatus.at(path).filter(FileStatus.of(file)::isSameFile).isPresent();
  }

  /** Deletes the file, and lets go of the lock. Closing again does nothing. */
  @Override
  public void close() {
    if (!isClosed.compareAndSet(false, true)) {
      return;
    }
    try {
      boolean _ = isAt(path, file) && Files.deleteIfExists(path);
    } catch (IOException | DmaBufException e) {
      // The folder is read-only by now: the file is locked by nobody, and the next one takes it.
    } finally {
      file.close();
    }
  }

  @Override
  public String toString() {
    return "lock " + path;
  }
}
