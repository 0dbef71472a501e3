package io.github.dmabuf4j.device;

import io.github.dmabuf4j.HeapStatistics;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Which files a pool has, and how many bytes.
 *
 * <p><b>Invariant.</b> A file is in exactly one place: <i>being made</i> for an allocation, or
 * taken out for one ({@code making} counts these); {@code live}, from just before its buffer is
 * exported until it is released; {@code idle}; {@code retired}, to be closed; or being closed by a
 * thread that took it out of one of these ({@code closing} has the bytes). {@code committed} is the
 * bytes of all of them but of those that have given their memory up. It is charged before a file is
 * made and lowered after it was closed, and never above the limit: so the kernel never has more of
 * this heap than the limit says.
 *
 * <p><b>Threads.</b> Guarded by the lock of the pool.
 */
final class FileAccount {
  final IdleFiles idle = new IdleFiles();
  final Set<DeviceBuffer> live = new LinkedHashSet<>();
  private final DeviceOptions options;
  private final Deque<DeviceBuffer> retired = new ArrayDeque<>();
  private long retiredBytes;
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
    return room() + retiredBytes + idle.bytes() - idle.bytes(kept);
  }

  /** How many bytes are on their way back: they are free before long. */
  long closing() {
    return closing;
  }

  /** Whether something has to be closed. */
  boolean hasRetired() {
    return retiredBytes > 0;
  }

  /** Whether an allocation has files that aren't live yet. */
  boolean isMaking() {
    return making > 0;
  }

  /** Whether nothing is left. */
  boolean isEmpty() {
    return live.isEmpty() && making == 0 && committed == 0;
  }

  // ---- allocation ----

  /** Files were taken out, and some are about to be made: their bytes are committed. */
  void beginMaking(int count, long freshBytes) {
    making += count;
    committed += freshBytes;
    peak = Math.max(peak, committed);
  }

  /** Files that were charged weren't made. */
  void refund(int count, long freshBytes) {
    making -= count;
    committed -= freshBytes;
  }

  /** Files that were made or taken out have owners from now on. */
  void beginLives(List<DeviceBuffer> buffers, int hits) {
    making -= buffers.size();
    live.addAll(buffers);
    buffers.forEach(buffer -> liveBytes += buffer.bytes);
    allocations += buffers.size();
    poolHits += hits;
  }

  /** A file that was taken out isn't used after all. */
  void putBack(DeviceBuffer file, boolean mayKeep) {
    making--;
    keepOrRetire(file, mayKeep);
  }

  // ---- giving back ----

  /** A buffer has ended. */
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
    if (!mayKeep || !file.mayBePooled()) {
      retire(file);
      return;
    }
    idle.add(file, System.nanoTime());
    while (idle.bytes() > options.retained()) {
      DeviceBuffer oldest = idle.takeOldest(0);
      if (oldest == null) {
        return;
      }
      retire(oldest);
    }
  }

  private void retire(DeviceBuffer file) {
    retired.addLast(file);
    retiredBytes += file.bytes;
  }

  /**
   * Takes out files to be closed, until they have as many bytes as wanted.
   *
   * @param kept a size of idle files that go last, 0 for none
   * @param to where to put them; to be closed, and then told to {@link #closed}
   */
  void takeToClose(long wanted, long kept, List<DeviceBuffer> to) {
    long found = 0;
    while (found < wanted) {
      DeviceBuffer next = retired.isEmpty() ? idle.takeOldest(kept) : takeRetired();
      if (next == null) {
        return;
      }
      found += next.bytes;
      closing += next.bytes;
      to.add(next);
    }
  }

  private DeviceBuffer takeRetired() {
    DeviceBuffer next = retired.removeFirst();
    retiredBytes -= next.bytes;
    return next;
  }

  /** Takes out what was retired, to be closed. */
  void takeRetired(List<DeviceBuffer> to) {
    takeToClose(retiredBytes, 0, to);
  }

  /** Takes out what has been idle since before some time, to be closed. */
  void takeOlderThan(long time, List<DeviceBuffer> to) {
    int before = to.size();
    idle.takeOlderThan(time, to);
    to.subList(before, to.size()).forEach(file -> closing += file.bytes);
  }

  /** Files that were taken out were closed. */
  void closed(long bytes) {
    closing -= bytes;
    committed -= bytes;
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
        live.size(),
        committed - liveBytes,
        0,
        pinned,
        options.pinned(),
        allocations,
        poolHits);
  }
}
