package io.github.dmabuf4j.device;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The files that nobody has a buffer in, by size; of one size the last one that came is the first
 * to go, for it is the most likely to be in caches and mapped.
 *
 * <p><b>Invariant.</b> {@code sizes} begins with {@code known} sizes, each larger than the one
 * before; {@code rows} has the files of each, the newest first, maybe none. {@code bytes} is the
 * sum of all. Each file's {@code idleNumber} is larger than those of all that came before. The only
 * call that needs Java heap is {@link #tryAdd} of a new size, and it changes nothing where there is
 * none.
 *
 * <p><b>Cost.</b> Sizes without files are forgotten when there is no room for another one, so that
 * a pool whose files come and go makes nothing.
 *
 * <p><b>Threads.</b> Guarded by the lock of the pool.
 */
final class IdleFiles {
  /** What part of its size a file may be larger than what is wanted: an eighth (rule AL1). */
  private static final int MOST_WASTE = 8;

  private static final int SIZES_AT_FIRST = 8;

  private long[] sizes = new long[SIZES_AT_FIRST];
  private @Nullable FileList[] rows = new @Nullable FileList[SIZES_AT_FIRST];
  private int known;
  private long bytes;
  private long numbers;

  /** The number before which all came that were here at the tick before last. */
  private long tick;

  /** How many bytes they have together. */
  long bytes() {
    return bytes;
  }

  private FileList row(int index) {
    return Objects.requireNonNull(rows[index]);
  }

  /** The first index of a size that is at least as large. */
  private int indexOf(long size) {
    int low = 0;
    int high = known;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (sizes[middle] < size) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // ---- in ----

  /** Puts one in; false if there is no Java heap for its size. */
  boolean tryAdd(DeviceBuffer file) {
    int index = indexOf(file.bytes);
    boolean isKnown = index < known && sizes[index] == file.bytes;
    if (!isKnown && !tryBegin(file.bytes)) {
      return false;
    }
    row(isKnown ? index : indexOf(file.bytes)).addFirst(file);
    file.idleNumber = ++numbers;
    bytes += file.bytes;
    return true;
  }

  /** Makes a row for a new size; false if there is no Java heap for it. */
  private boolean tryBegin(long size) {
    FileList fresh;
    try {
      if (known == sizes.length) {
        makeRoom();
      }
      fresh = new FileList();
    } catch (OutOfMemoryError e) {
      return false;
    }
    int index = indexOf(size);
    System.arraycopy(sizes, index, sizes, index + 1, known - index);
    System.arraycopy(rows, index, rows, index + 1, known - index);
    sizes[index] = size;
    rows[index] = fresh;
    known++;
    return true;
  }

  /** Forgets sizes without files; if there are none, makes room for more. */
  private void makeRoom() {
    int kept = 0;
    for (int i = 0; i < known; i++) {
      if (!row(i).isEmpty()) {
        sizes[kept] = sizes[i];
        rows[kept] = rows[i];
        kept++;
      }
    }
    Arrays.fill(rows, kept, known, null);
    known = kept;
    if (known == sizes.length) {
      long[] moreSizes = Arrays.copyOf(sizes, 2 * known);
      @Nullable FileList[] moreRows = Arrays.copyOf(rows, 2 * known);
      sizes = moreSizes;
      rows = moreRows;
    }
  }

  // ---- out ----

  /** Takes one out that is as large as wanted, or a little larger; null if there is none. */
  @Nullable DeviceBuffer take(long wanted) {
    long most = most(wanted);
    for (int i = indexOf(wanted); i < known && sizes[i] <= most; i++) {
      DeviceBuffer newest = row(i).takeFirst();
      if (newest != null) {
        bytes -= newest.bytes;
        return newest;
      }
    }
    return null;
  }

  private static long most(long wanted) {
    return wanted + wanted / MOST_WASTE;
  }

  /** How many there are that {@link #take} would give. */
  int count(long wanted) {
    int count = 0;
    long most = most(wanted);
    for (int i = indexOf(wanted); i < known && sizes[i] <= most; i++) {
      count += row(i).count();
    }
    return count;
  }

  /** How many bytes those have that {@link #take} would give. */
  long bytes(long wanted) {
    long found = 0;
    long most = most(wanted);
    for (int i = indexOf(wanted); i < known && sizes[i] <= most; i++) {
      found += row(i).bytes();
    }
    return found;
  }

  /**
   * Takes out the one that came first; null if there is none.
   *
   * @param kept a size of files that are left in, as {@link #take} would give them, as long as
   *     there are others; 0 for none
   */
  @Nullable DeviceBuffer takeOldest(long kept) {
    DeviceBuffer oldest = null;
    for (int i = 0; i < known; i++) {
      boolean isKept = kept > 0 && sizes[i] >= kept && sizes[i] <= most(kept);
      DeviceBuffer next = isKept ? null : row(i).last();
      if (next != null && (oldest == null || next.idleNumber < oldest.idleNumber)) {
        oldest = next;
      }
    }
    if (oldest == null) {
      return kept == 0 || bytes == 0 ? null : takeOldest(0);
    }
    removeFrom(oldest);
    return oldest;
  }

  private void removeFrom(DeviceBuffer file) {
    row(indexOf(file.bytes)).remove(file);
    bytes -= file.bytes;
  }

  /** Time passes: moves to a list all that have been here since the tick before this one. */
  void tick(FileList to) {
    for (int i = 0; i < known; i++) {
      FileList row = row(i);
      DeviceBuffer oldest = row.last();
      while (oldest != null && oldest.idleNumber <= tick) {
        removeFrom(oldest);
        to.addLast(oldest);
        oldest = row.last();
      }
    }
    tick = numbers;
  }
}
