package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.statx;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What the kernel says of a file: which one it is, of what type, whose, and who may use it.
 *
 * <p>Immutable.
 *
 * <p>Source: statx(2).
 *
 * @param key which one
 * @param mode its type and permissions, as {@code st_mode}
 * @param owner its user
 */
public record FileStatus(FileKey key, int mode, int owner) {
  private static final int PERMISSIONS = 0777;

  /**
   * Looks at an open file.
   *
   * @param file its descriptor
   * @return what it is now
   * @throws DmaBufException if the kernel doesn't say
   * @throws IllegalStateException if the descriptor was closed
   */
  public static FileStatus of(Descriptor file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = statx.allocate(arena);
      int mask = linux_h.STATX_BASIC_STATS();
      int _ =
          SyscallFailure.check(
              "statx", file.toString(), file.use(fd -> Syscalls.statx(fd, mask, found)));
      return of(found);
    }
  }

  /**
   * Looks at what is at a path: a symbolic link itself, not what it leads to.
   *
   * @param path where
   * @return what is there now; empty if nothing is
   * @throws DmaBufException if the kernel doesn't say
   */
  public static Optional<FileStatus> at(Path path) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = statx.allocate(arena);
      int result = Syscalls.statxOfPath(path.toString(), linux_h.STATX_BASIC_STATS(), found);
      if (result == -linux_h.ENOENT()) {
        return Optional.empty();
      }
      int _ = SyscallFailure.check("statx", path.toString(), result);
      return Optional.of(of(found));
    }
  }

  /**
   * Reads what the kernel has said of a file.
   *
   * @param found a {@code struct statx}, filled for {@code STATX_BASIC_STATS}
   * @return the same
   */
  public static FileStatus of(MemorySegment found) {
    long device =
        (long) statx.stx_dev_major(found) << Integer.SIZE
            | Integer.toUnsignedLong(statx.stx_dev_minor(found));
    return new FileStatus(
        new FileKey(device, statx.stx_ino(found)),
        Short.toUnsignedInt(statx.stx_mode(found)),
        statx.stx_uid(found));
  }

  /**
   * Whether both are one file, whatever has changed in between.
   *
   * @param other another look, while one of the two files is open
   * @return true if they are
   */
  public boolean isSameFile(FileStatus other) {
    return key.equals(other.key);
  }

  /**
   * Whether it is a socket.
   *
   * @return true if it is
   */
  public boolean isSocket() {
    return (mode & linux_h.S_IFMT()) == linux_h.S_IFSOCK();
  }

  /**
   * Who may read, write and run it.
   *
   * @return the lower nine bits of the mode
   */
  public int permissions() {
    return mode & PERMISSIONS;
  }
}
