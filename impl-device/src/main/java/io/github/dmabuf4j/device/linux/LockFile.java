package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.statx;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A lock among processes: a file that is there for it alone ({@code flock}). The kernel lets go of
 * it when its process dies.
 *
 * <p><b>Invariant.</b> Whoever has a lock file has the only lock on the file that is at the path,
 * until somebody who doesn't know of it changes the folder. Only who has the lock deletes the file,
 * before letting go; so whoever gets a lock looks whether the file was deleted meanwhile, and then
 * tries the one that is at the path now.
 *
 * <p><b>Threads.</b> Any. Two openings of one process exclude each other as two processes do.
 *
 * <p>Source: flock(2).
 */
public final class LockFile implements AutoCloseable {
  private static final int OWNER_ONLY = 0600;

  private final Path path;
  private final Descriptor file;

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
   * @throws DmaBufException if the file can't be made or locked: says why
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
        if (isAtAPath(file)) {
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
    int flags = linux_h.O_RDWR() | linux_h.O_CLOEXEC() | linux_h.O_NONBLOCK();
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.SOCKET,
        holder,
        new SyscallFailure.Subject("open", path.toString(), LockFile::advice),
        () -> Syscalls.openOrCreate(path.toString(), flags, OWNER_ONLY));
  }

  private static String advice(Errno errno) {
    return switch (errno) {
      case ENOENT -> "create the folder first";
      case EACCES ->
          "take a folder in which you may make files; or the file is another user's, who has to"
              + " delete it";
      default -> "";
    };
  }

  private static int lock(int fd) {
    return Restarted.call(() -> Syscalls.flock(fd, linux_h.LOCK_EX() | linux_h.LOCK_NB()));
  }

  /** Whether nobody has deleted it. */
  private static boolean isAtAPath(Descriptor file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = statx.allocate(arena);
      int mask = linux_h.STATX_BASIC_STATS();
      int _ =
          SyscallFailure.check(
              "statx", file.toString(), file.use(fd -> Syscalls.statx(fd, mask, status)));
      return statx.stx_nlink(status) > 0;
    }
  }

  /** Deletes the file, and lets go of the lock. Closing again does nothing. */
  @Override
  public void close() {
    if (file.isClosed()) {
      return;
    }
    try {
      boolean _ = Files.deleteIfExists(path);
    } catch (IOException e) {
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
