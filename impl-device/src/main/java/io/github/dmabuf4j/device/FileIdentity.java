package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.FileKey;
import io.github.dmabuf4j.device.linux.FileName;
import io.github.dmabuf4j.device.linux.FileStatus;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.statfs;
import io.github.dmabuf4j.device.linux.bindings.statx;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel says of a file that somebody else gave us. All of it is looked up here, and
 * nothing the other side says is believed (design rules DV5, DV6).
 *
 * @param key which file it is, however often it was opened
 * @param kind what it is
 * @param bytes its size, at least 1
 * @param isWritable whether it may be mapped for writing: by how it was opened, and by its seals
 * @param name what its maker called it; may be empty
 */
record FileIdentity(FileKey key, Kind kind, long bytes, boolean isWritable, String name) {
  /** What kinds of files can be buffers. */
  enum Kind {
    /** A dma-buf: its size never changes, and accesses are announced. */
    DMA_BUF("a dma-buf"),
    /** A memory file that can't shrink. */
    MEMORY_FILE("a memory file");

    final String words;

    Kind(String words) {
      this.words = words;
    }
  }

  private static final int ACCESS_MODE = 3; // O_ACCMODE
  private static final String DMA_BUF_PREFIX = "/dmabuf:";
  private static final String EXPORTER = "exp_name:";
  private static final String MEMFD_PREFIX = "/memfd:";
  private static final String DELETED = " (deleted)";

  /**
   * Looks at a descriptor.
   *
   * @param fd a descriptor, which stays the caller's
   * @return what it is
   * @throws DmaBufException if it is closed, or no file that can be a buffer here: says what it is
   *     and what would do
   */
  static FileIdentity of(int fd) {
    Kind kind = kind(fd);
    try (Arena arena = Arena.ofConfined()) {
      String subject = "descriptor " + fd;
      MemorySegment status = statx.allocate(arena);
      int mask = linux_h.STATX_BASIC_STATS();
      int _ = SyscallFailure.check("statx", subject, Syscalls.statx(fd, mask, status));
      long bytes =
          kind == Kind.DMA_BUF
              ? SyscallFailure.check("lseek", subject, Syscalls.lseek(fd, 0, linux_h.SEEK_END()))
              : statx.stx_size(status);
      if (bytes <= 0) {
        throw refused(Errno.EINVAL, fd, kind.words + " of 0 B: a buffer has at least 1");
      }
      boolean isWritable = isWritable(fd, kind == Kind.DMA_BUF ? 0 : seals(fd));
      return new FileIdentity(FileStatus.of(status).key(), kind, bytes, isWritable, name(fd, kind));
    }
  }

  /**
   * What it is. Nothing is asked of the file itself, which may sleep, before that is known: seals
   * are the kernel's own, and so is what it says of a dma-buf; a name alone can be imitated.
   */
  private static Kind kind(int fd) {
    int seals = seals(fd);
    if (seals == -linux_h.EBADF()) {
      throw new SyscallFailure("F_GET_SEALS", "descriptor " + fd, -seals).exception();
    }
    if (seals < 0 || !isOnTmpfs(fd)) {
      return dmaBuf(fd);
    }
    if ((seals & linux_h.F_SEAL_SHRINK()) == 0) {
      throw refused(
          Errno.EPERM,
          fd,
          "%s that isn't sealed against shrinking, so whoever has it could make this process crash: have the other side create it with MFD_ALLOW_SEALING and add F_SEAL_SHRINK"
              .formatted(FileName.of(fd)));
    }
    return Kind.MEMORY_FILE;
  }

  /**
   * Whether it is a memory file of ordinary pages, sealed or not. Runs no code of the file's own.
   *
   * @param fd a descriptor, which stays the caller's
   * @return false for any other kind of file, and if it isn't open
   */
  static boolean isMemoryFile(int fd) {
    return seals(fd) >= 0 && isOnTmpfs(fd);
  }

  /** What has seals and isn't is of huge pages: a peer can take them away, whatever the seals. */
  private static boolean isOnTmpfs(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment system = statfs.allocate(arena);
      int _ = SyscallFailure.check("fstatfs", "descriptor " + fd, Syscalls.fstatfs(fd, system));
      return statfs.f_type(system) == linux_h.TMPFS_MAGIC();
    }
  }

  private static Kind dmaBuf(int fd) {
    String name = FileName.of(fd);
    if (!name.startsWith(DMA_BUF_PREFIX) || information(fd, EXPORTER).isEmpty()) {
      throw refused(
          Errno.EOPNOTSUPP,
          fd,
          "%s, neither a dma-buf nor a memory file: map it yourself and copy, or have the other side export a dma-buf or a memfd"
              .formatted(name.isEmpty() ? "a file" : name));
    }
    return Kind.DMA_BUF;
  }

  private static int seals(int fd) {
    return Syscalls.fcntl(fd, linux_h.F_GET_SEALS(), 0);
  }

  private static boolean isWritable(int fd, int seals) {
    int flags =
        SyscallFailure.check(
            "F_GETFL", "descriptor " + fd, Syscalls.fcntl(fd, linux_h.F_GETFL(), 0));
    return (flags & ACCESS_MODE) == linux_h.O_RDWR()
        && (seals & (linux_h.F_SEAL_WRITE() | linux_h.F_SEAL_FUTURE_WRITE())) == 0;
  }

  private static DmaBufException refused(Errno errno, int fd, String what) {
    return new DmaBufException("import", errno, "descriptor %d is %s".formatted(fd, what), null);
  }

  // ---- names, for reports only ----

  private static String name(int fd, Kind kind) {
    if (kind == Kind.DMA_BUF) {
      String name = information(fd, "name:");
      String exporter = information(fd, EXPORTER);
      return name.isEmpty() ? exporter : name;
    }
    String target = FileName.of(fd);
    return target.startsWith(MEMFD_PREFIX)
        ? target.substring(MEMFD_PREFIX.length()).replace(DELETED, "")
        : target;
  }

  /** A line of what {@code /proc} says of a dma-buf. */
  private static String information(int fd, String key) {
    Path path = Path.of("/proc/self/fdinfo", Integer.toString(fd));
    try {
      List<String> lines = Files.readAllLines(path);
      @Nullable String line =
          lines.stream().filter(one -> one.startsWith(key)).findFirst().orElse(null);
      return line == null ? "" : line.substring(key.length()).strip();
    } catch (IOException e) {
      return "";
    }
  }
}
