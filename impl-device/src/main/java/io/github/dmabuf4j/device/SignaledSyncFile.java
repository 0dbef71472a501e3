package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.SyncFile;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A sync_file that has signaled, for exports of what is over. No call of the kernel makes one, so
 * the first that has signaled without an error is kept, for the life of the process.
 *
 * <p><b>Invariant.</b> {@code kept} is null, then one open descriptor for ever.
 *
 * <p><b>Threads.</b> Any.
 */
final class SignaledSyncFile {
  private final AtomicReference<@Nullable Descriptor> kept = new AtomicReference<>();

  /** Ends the use of a descriptor: keeps the first that will do, closes the others. */
  void keepOrClose(Descriptor file) {
    if (file.isClosed() || file == kept.get()) {
      return;
    }
    boolean keep = false;
    try {
      keep =
          kept.get() == null
              && SyncFile.status(file) == SyncFile.SIGNALED
              && kept.compareAndSet(null, file);
    } catch (IllegalArgumentException e) {
      // it is no sync_file
    } finally {
      if (!keep) {
        file.close();
      }
    }
  }

  /**
   * Another descriptor of it.
   *
   * @throws DmaBufException if there is none yet (EOPNOTSUPP), or no descriptor left (EMFILE)
   */
  Descriptor duplicate() {
    Descriptor signaled = kept.get();
    if (signaled == null) {
      throw new DmaBufException(
          "exportFence",
          Errno.EOPNOTSUPP,
          "wanted a sync_file for a fence that has signaled, and this process has not seen one yet:"
              + " leave the fence out, there is nothing to wait for",
          null);
    }
    return signaled.duplicate("a signaled fence");
  }
}
