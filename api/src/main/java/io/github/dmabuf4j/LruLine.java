package io.github.dmabuf4j;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Buffers in the order of their last use ({@code struct drm_gem_lru}), the least recent first, kept
 * without a lock in the way of those who use them: a use only writes down when it was.
 *
 * <p><b>Invariant.</b> From the head to the tail {@code placedAt} doesn't fall, and for each buffer
 * it is at most {@code usedAt}, for that only grows. So if they are equal at the head, nobody in
 * the line was used before it: it is the least recently used of all. If they differ it was used
 * since it was placed, and {@link #settle} puts it where it belongs. A use and a scan that puts the
 * same buffer at the tail may write {@code usedAt} in the other order than they asked the clock;
 * then it is as old as that use, and comes to its place the same way.
 *
 * <p><b>Threads.</b> All methods with the lock of the {@link BufferLru}.
 *
 * <p>Source: drm_gem_lru in drivers/gpu/drm/drm_gem.c; rules CG7, CG8, design rule SH6.
 */
final class LruLine {
  private static final Comparator<ReclaimState> NEWEST_FIRST =
      Comparator.comparingLong((ReclaimState state) -> state.seenAt).reversed();

  private final List<ReclaimState> moving = new ArrayList<>();
  private @Nullable ReclaimState head;
  private @Nullable ReclaimState tail;

  /**
   * The least recently used, in order; they stay in the line. None is missed because somebody uses
   * another meanwhile: there are some as long as anybody in the line wasn't used since.
   *
   * @param into as many as it has room for
   * @param began only those that were used before
   * @return how many
   */
  int oldest(ReclaimState[] into, long began) {
    int count = 0;
    while (count == 0) {
      settle();
      ReclaimState next = head;
      if (next == null || next.placedAt >= began) {
        return 0;
      }
      while (next != null
          && count < into.length
          && next.placedAt < began
          && next.usedAt() == next.placedAt) {
        into[count++] = next;
        next = next.after;
      }
    }
    return count;
  }

  /** Puts one at the tail that is in no line, as used now. */
  void append(ReclaimState state, long now) {
    state.setUsedAt(now);
    state.placedAt = now;
    insertAfter(tail, state);
  }

  /** Takes one out that is in this line. */
  void remove(ReclaimState state) {
    ReclaimState before = state.before;
    ReclaimState after = state.after;
    if (before == null) {
      head = after;
    } else {
      before.after = after;
    }
    if (after == null) {
      tail = before;
    } else {
      after.before = before;
    }
    state.before = null;
    state.after = null;
    state.line = null;
  }

  /** Adds up what the buffers of the line have of something. */
  long sum(ToLongFunction<ReclaimState> amount) {
    long sum = 0;
    for (ReclaimState one = head; one != null; one = one.after) {
      sum += amount.applyAsLong(one);
    }
    return sum;
  }

  /**
   * Brings those at the head that were used since they were placed to where they belong. Then the
   * head is the least recently used, until somebody uses it.
   */
  private void settle() {
    try {
      for (ReclaimState one = head; one != null; one = one.after) {
        one.seenAt = one.usedAt(); // read once, for it may grow meanwhile
        if (one.seenAt == one.placedAt) {
          break;
        }
        moving.add(one);
      }
      moving.sort(NEWEST_FIRST);
      insertMoving(); // nothing is allocated from here on, so nothing can fail half way
    } finally {
      moving.clear();
    }
  }

  private void insertMoving() {
    for (int i = 0; i < moving.size(); i++) {
      ReclaimState one = moving.get(i);
      remove(one);
      one.placedAt = one.seenAt;
    }
    ReclaimState place = tail; // what was used lately belongs near it
    for (int i = 0; i < moving.size(); i++) {
      ReclaimState one = moving.get(i);
      while (place != null && place.placedAt > one.placedAt) {
        place = place.before;
      }
      insertAfter(place, one);
    }
  }

  private void insertAfter(@Nullable ReclaimState place, ReclaimState state) {
    ReclaimState after = place == null ? head : place.after;
    state.before = place;
    state.after = after;
    state.line = this;
    if (place == null) {
      head = state;
    } else {
      place.after = state;
    }
    if (after == null) {
      tail = state;
    } else {
      after.before = state;
    }
  }
}
