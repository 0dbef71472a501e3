package io.github.dmabuf4j.device;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The files that nobody has a buffer in, by size; of one size the last one that came is the first
 * to go, for it is the most likely to be in caches and mapped.
 *
 * <p><b>Invariant.</b> {@code bytes} is the sum of those here. Each queue has those of one size,
 * the newest first, and there is none without any.
 *
 * <p><b>Threads.</b> Guarded by the lock of the pool.
 */
final class IdleFiles {
  /** What part of its size a file may be larger than what is wanted: an eighth (rule AL1). */
  private static final int MOST_WASTE = 8;

  private final TreeMap<Long, Deque<DeviceBuffer>> bySize = new TreeMap<>();
  private long bytes;

  /** How many bytes they have together. */
  long bytes() {
    return bytes;
  }

  /** Puts one in. */
  void add(DeviceBuffer file, long now) {
    file.idleSince = now;
    bySize.computeIfAbsent(file.bytes, size -> new ArrayDeque<>()).addFirst(file);
    bytes += file.bytes;
  }

  /** Takes one out that is as large as wanted, or a little larger; null if there is none. */
  @Nullable DeviceBuffer take(long wanted) {
    Map.Entry<Long, Deque<DeviceBuffer>> best = bySize.ceilingEntry(wanted);
    if (best == null || best.getKey() > most(wanted)) {
      return null;
    }
    return removed(best.getValue().removeFirst(), best.getValue());
  }

  private static long most(long wanted) {
    return wanted + wanted / MOST_WASTE;
  }

  /** How many there are that {@link #take} would give. */
  int count(long wanted) {
    int count = 0;
    for (Deque<DeviceBuffer> queue : bySize.subMap(wanted, true, most(wanted), true).values()) {
      count += queue.size();
    }
    return count;
  }

  /** How many bytes those have that {@link #take} would give. */
  long bytes(long wanted) {
    long found = 0;
    for (Map.Entry<Long, Deque<DeviceBuffer>> queue :
        bySize.subMap(wanted, true, most(wanted), true).entrySet()) {
      found += queue.getKey() * queue.getValue().size();
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
    Deque<DeviceBuffer> oldest = null;
    for (Deque<DeviceBuffer> queue : bySize.values()) {
      long size = queue.getLast().bytes;
      boolean isKept = kept > 0 && size >= kept && size <= most(kept);
      if (!isKept && (oldest == null || isOlder(queue, oldest))) {
        oldest = queue;
      }
    }
    if (oldest == null) {
      return kept == 0 || bySize.isEmpty() ? null : takeOldest(0);
    }
    return removed(oldest.removeLast(), oldest);
  }

  private static boolean isOlder(Deque<DeviceBuffer> one, Deque<DeviceBuffer> other) {
    return one.getLast().idleSince - other.getLast().idleSince < 0;
  }

  /** Takes out all that came before some time. */
  void takeOlderThan(long time, List<DeviceBuffer> to) {
    for (Deque<DeviceBuffer> queue : List.copyOf(bySize.values())) {
      while (!queue.isEmpty() && queue.getLast().idleSince - time < 0) {
        to.add(removed(queue.removeLast(), queue));
      }
    }
  }

  private DeviceBuffer removed(DeviceBuffer file, Deque<DeviceBuffer> from) {
    bytes -= file.bytes;
    if (from.isEmpty()) {
      bySize.remove(file.bytes);
    }
    return file;
  }
}
