package io.github.dmabuf4j.device;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.FileKey;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Which files of this process others may have, and which of others' it has: so that a file that
 * comes in is recognised, however often and on whatever way it comes (design rule DV4, rule CB12).
 *
 * <p><b>Invariant.</b> {@code known} has each file that was imported, and each of our own that was
 * shared, from then until it is closed; and of each file the one exporter whose buffer lives, if
 * there is one. Each has an open descriptor of its file, so no inode here can be another file's by
 * now. Guarded by {@code lock}, under which no fence is waited for and nothing of a user's is
 * called.
 *
 * <p><b>Threads.</b> Any.
 */
final class Imports {
  private static final ReentrantLock LOCK = new ReentrantLock();
  private static final Map<FileKey, FileExporter> KNOWN = new HashMap<>();

  private Imports() {}

  /**
   * A handle of the buffer in a file: of the one that there is, or a new one.
   *
   * @param fd a descriptor of the file, which stays the caller's
   * @param closing who closes a new one's file; null for whoever releases it
   * @param name what to call a new one, or null for what the file is called
   * @param layout how a frame lies in a new one, or null
   * @return a new handle, read-only if the file can't be written to by this descriptor, or is in
   *     use here by one that can't
   */
  static DmaBuf take(
      int fd,
      @Nullable ClosingThread closing,
      @Nullable String name,
      @Nullable FrameLayout layout) {
    FileIdentity identity = FileIdentity.of(fd);
    LOCK.lock();
    try {
      FileExporter known = KNOWN.get(identity.key());
      Optional<DmaBuf> present = known == null ? Optional.empty() : known.object().tryHandle();
      if (known == null || present.isEmpty()) {
        Descriptor own = duplicate(fd, identity, closing);
        return limited(take(own, identity, known, name, layout), identity.isWritable());
      }
      return limited(present.get(), identity.isWritable() && known.isWritable());
    } finally {
      LOCK.unlock();
    }
  }

  private static Descriptor duplicate(
      int fd, FileIdentity identity, @Nullable ClosingThread closing) {
    Descriptor own =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.BUFFER,
            ImportedBuffer.NAME + " " + identity.name(),
            new SyscallFailure.Subject("F_DUPFD_CLOEXEC", "descriptor " + fd),
            () -> Syscalls.fcntl(fd, linux_h.F_DUPFD_CLOEXEC(), 0));
    return closing == null ? own : own.closedBy(closing);
  }

  private static DmaBuf take(
      Descriptor own,
      FileIdentity identity,
      @Nullable FileExporter earlier,
      @Nullable String name,
      @Nullable FrameLayout layout) {
    DmaBuf handle = null;
    try {
      ImportedBuffer fresh = new ImportedBuffer(identity, own, earlier);
      handle = export(fresh, earlier, name, layout); // closed by its release from here on
      return handle;
    } finally {
      if (handle == null) {
        own.close();
      }
    }
  }

  /** Known first: that can fail, and there would be a handle that nobody has. */
  private static DmaBuf export(
      ImportedBuffer fresh,
      @Nullable FileExporter earlier,
      @Nullable String name,
      @Nullable FrameLayout layout) {
    FileKey key = fresh.identity().key();
    DmaBuf handle = null;
    try {
      KNOWN.put(key, fresh);
      handle = fresh.export(name, layout);
      return handle;
    } finally {
      if (handle == null) {
        restore(key, fresh, earlier);
      }
    }
  }

  /** As if the fresh one had not come. Needs no Java heap. */
  private static void restore(FileKey key, FileExporter fresh, @Nullable FileExporter earlier) {
    if (earlier == null) {
      KNOWN.remove(key, fresh);
    } else {
      KNOWN.replace(key, fresh, earlier);
    }
  }

  /** Takes the right to write away where the file, or the way it is mapped, doesn't give it. */
  private static DmaBuf limited(DmaBuf handle, boolean isWritable) {
    if (isWritable) {
      return handle;
    }
    try (handle) {
      return handle.dupReadOnly();
    }
  }

  /** A file of our own is about to be given to others. */
  static void remember(FileExporter exporter, FileKey key) {
    LOCK.lock();
    try {
      KNOWN.putIfAbsent(key, exporter); // an import is there already
    } finally {
      LOCK.unlock();
    }
  }

  /** A file is about to be closed. */
  static void forget(FileKey key, FileExporter exporter) {
    LOCK.lock();
    try {
      KNOWN.remove(key, exporter);
    } finally {
      LOCK.unlock();
    }
  }

  /** The buffers in files of others. */
  static BufInfo info() {
    List<FileExporter> now;
    LOCK.lock();
    try {
      now = List.copyOf(KNOWN.values());
    } finally {
      LOCK.unlock();
    }
    return new BufInfo(
        ImportedBuffer.NAME,
        now.stream()
            .filter(exporter -> exporter instanceof ImportedBuffer)
            .map(FileExporter::object)
            .filter(BufferObject::isReferenced)
            .map(BufferObject::info)
            .toList());
  }
}
