package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import org.jspecify.annotations.Nullable;

/** What is thrown where stored content doesn't come back: {@link Errno#EIO}. */
final class StoreFailures {
  private static final String OPERATION = "swap in";

  private StoreFailures() {}

  /** Stored bytes aren't what was stored. */
  static DmaBufException damaged(
      String store, String wanted, String came, @Nullable Throwable cause) {
    return new DmaBufException(
        OPERATION,
        Errno.EIO,
        ("the swap store %s is damaged: wanted %s, got %s. The content is lost, unless a second try"
                + " reads it right: somebody wrote over the store, or memory or disk is failing")
            .formatted(store, wanted, came),
        cause);
  }

  /** The operating system can't read the file. */
  static DmaBufException unreadable(String store, long offset, String came) {
    return new DmaBufException(
        OPERATION,
        Errno.EIO,
        ("the swap store %s can't be read at %d: %s. It may be tried again; if it stays so, the"
                + " content is lost: look at the kernel's log and the disk")
            .formatted(store, offset, came),
        null);
  }
}
