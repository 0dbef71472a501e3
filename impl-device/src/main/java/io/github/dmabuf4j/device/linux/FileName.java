package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * What the kernel calls an open file: of one that has a path, that path; of others, what kind it
 * is, as in {@code anon_inode:[eventfd]}. No path looks like that, so a file can't pass itself off
 * as such a kind.
 *
 * <p>Asking runs no code of the file's own, which may sleep: a file in user space (FUSE) asks the
 * program behind it for almost anything, and that program may be a peer's.
 *
 * <p><b>Threads.</b> Any; there is no state.
 *
 * <p>Source: proc(5), d_path in fs/d_path.c.
 */
public final class FileName {
  private FileName() {}

  /**
   * The name of an open file.
   *
   * @param fd its descriptor
   * @return the name; empty if it is too long to be told
   * @throws DmaBufException if it isn't open, or there is no {@code /proc} (ENOENT)
   */
  public static String of(int fd) {
    Path link = Path.of("/proc/self/fd", Integer.toString(fd));
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (NoSuchFileException e) {
      throw new SyscallFailure("readlink", link.toString(), Errno.ENOENT.number()).exception();
    } catch (IOException e) { // a path that is too long
      return "";
    }
  }
}
