package io.github.dmabuf4j.device;

import io.github.dmabuf4j.HeapStatistics;
import org.jspecify.annotations.Nullable;

/**
 * Which files a pool has, and how many bytes.
 *
 * <p><b>Invariant.</b> A file is in exactly one place: in a {@link Grant}, being made for an
 * allocation or taken out for one ({@code making} counts these); {@code live}, from just before its
 * buffer is exported, or before it is zeroed for that, until it is released; {@code idle}; {@code
 * retired}, to be closed; or being closed by a thread that took it out of one of these ({@code
 * closing} has the bytes). {@code committed} is the bytes of all of them but of those that have
 * given their memory up. It is charged before a file is made and lowered after it was closed, and
 * never above the limit: so the kernel never has more of this heap than the limit says.
 *
 * <p><b>Failures.</b> What moves a file from one place to another needs no Java heap, so it is done
 * as a whole. One that isn't where it should be is refused before anything has changed.
 *
 * <p><b>Threads.</b> Guarded by the lock of the pool.
 */
final class FileAccount {
  final IdleFiles idle = new IdleFiles();
  final FileList live = new FileList();
  private final DeviceOptions options;
  private final FileList retired = new FileList();
  private long committed;
  private long peak;
  private long liveBytes;
  private long closing;
  private long pinned;
  private long allocations;
  private long poolHits;
  private int making;

  FileAccount(DeviceOptions options) {
    this.options = options;
  }

  // ---- room ----

  /** How many bytes may be committed yet. */
  long room() {
    return options.limit() - committed;
  }

  /** How many bytes would be free if all that can be closed were: but for idle files of a size. */
  long roomBut(long kept) {
    return room() + retired.bytes() + idle.bytes() - idle.bytes(kept);
  }

  /** How many bytes are on their way back: they are free before long. */
  long closing() {
    return closing;
  }

  /** Whether something has to be closed. */
  boolean hasRetired() {
    return !retired.isEmpty();
  }

  /** Whether no file is anybody's, nor on its way there. */
  boolean isUnused() {
    return live.isEmpty() && making == 0;
  }

  /** Whether somebody has a buffer, or had one that is in quarantine. */
  boolean isAnyReferenced() {
    DeviceBuffer file = live.first();
    while (file != null && !file.object.isReferenced()) {
      file = file.next;
    }
    return file != null;
  }

  /** Whether nothing is left. */
  boolean isEmpty() {
    return isUnused() && committed == 0;
  }

  // ---- allocation ----

  /** The newest idle file of a size gets an owner at once; null if there is none. */
  @Nullable DeviceBuffer reuse(long wanted) {
    DeviceBuffer file = idle.take(wanted);
    if (file != null) {
      beginLife(file);
      poolHits++;
    }
    return file;
  }

  private void beginLife(DeviceBuffer file) {
    live.addLast(file);
    liveBytes += file.bytes;
    allocations++;
  }

  /** A file that was reused gets no buffer after all. */
  void undoReuse(DeviceBuffer file, boolean mayKeep) {
    endLife(file, mayKeep);
    allocations--;
    poolHits--;
  }

  /** Takes files out, and charges those that are about to be made. */
  void fill(Grant grant, int reused, int fresh) {
    for (int i = 0; i < reused; i++) {
      DeviceBuffer file = idle.take(grant.fileBytes);
      if (file == null) {
        throw new AssertionError("the idle files were counted wrongly");
      }
      grant.files.addLast(file);
      grant.hits++;
      making++;
    }
    grant.missing = fresh;
    making += fresh;
    committed += fresh * grant.fileBytes;
    peak = Math.max(peak, committed);
  }

  /** The first file of a grant has an owner from now on. */
  void beginLife(Grant grant) {
    DeviceBuffer file = grant.files.takeFirst();
    if (file == null) {
      throw new AssertionError("a grant has no file left");
    }
    making--;
    beginLife(file);
    if (grant.hits > 0) {
      grant.hits--;
      poolHits++;
    }
  }

  /** What is left in a grant isn't used: its files go back, what was charged is refunded. */
  void putBack(Grant grant, boolean mayKeep) {
    for (DeviceBuffer file = grant.files.takeFirst();
        file != null;
        file = grant.files.takeFirst()) {
      making--;
      keepOrRetire(file, mayKeep);
    }
    making -= grant.missing;
    committed -= grant.missing * grant.fileBytes;
    grant.missing = 0;
  }

  // ---- giving back ----

  /**
   * A buffer has ended.
   *
   * @throws IllegalStateException if it isn't live: it was released twice
   */
  void endLife(DeviceBuffer buffer, boolean mayKeep) {
    live.remove(buffer);
    if (!buffer.isGone()) {
      liveBytes -= buffer.bytes;
      keepOrRetire(buffer, mayKeep);
    }
  }

  /** A buffer lives on without memory. */
  void giveUp(DeviceBuffer buffer) {
    committed -= buffer.bytes;
    liveBytes -= buffer.bytes;
  }

  private void keepOrRetire(DeviceBuffer file, boolean mayKeep) {
    if (!mayKeep || !file.mayBePooled() || !idle.tryAdd(file)) {
      retired.addLast(file);
      return;
    }
    while (idle.bytes() > options.retained()) {
      DeviceBuffer oldest = idle.takeOldest(0);
      if (oldest == null) {
        return;
      }
      retired.addLast(oldest);
    }
  }

  /**
   * Takes out files to be closed, until they have as many bytes as wanted.
   *
   * @param kept a size of idle files that go last, 0 for none
   * @param to where to put them; each to be closed, and then told to {@link #closed}
   */
  void takeToClose(long wanted, long kept, FileList to) {
    long found = 0;
    while (found < wanted) {
      DeviceBuffer next = retired.isEmpty() ? idle.takeOldest(kept) : retired.takeFirst();
      if (next == null) {
        return;
      }
      found += next.bytes;
      closing += next.bytes;
      to.addLast(next);
    }
  }

  /** Takes one out that was retired, to be closed and then told to {@link #closed}; or null. */
  @Nullable DeviceBuffer takeRetired() {
    DeviceBuffer next = retired.takeFirst();
    if (next != null) {
      closing += next.bytes;
    }
    return next;
  }

  /** Takes out what has been idle since the last tick, to be closed; see {@link IdleFiles#tick}. */
  void tick(FileList to) {
    long before = to.bytes();
    idle.tick(to);
    closing += to.bytes() - before;
  }

  /** A file that was taken out was closed. */
  void closed(DeviceBuffer file) {
    closing -= file.bytes;
    committed -= file.bytes;
  }

  // ---- pins ----

  /** Counts a buffer as pinned; false if the limit is in the way. */
  boolean tryPin(DeviceBuffer buffer) {
    boolean fits = buffer.bytes <= options.pinned() - pinned;
    pinned += fits ? buffer.bytes : 0;
    return fits;
  }

  /** Counts a buffer as pinned no more. */
  void unpin(DeviceBuffer buffer) {
    pinned -= buffer.bytes;
  }

  /** The figures now. */
  HeapStatistics statistics() {
    return new HeapStatistics(
        options.limit(),
        committed,
        peak,
        liveBytes,
        live.count(),
        committed - liveBytes,
        0,
        pinned,
        options.pinned(),
        allocations,
        poolHits);
  }
}
