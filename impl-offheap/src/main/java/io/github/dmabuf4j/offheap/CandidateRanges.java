package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.offheap.RegionSnapshot.Occupied;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Which ranges of a region could be cleared for a request, and which of them is the cheapest: that
 * with the fewest pages to be moved, and of several such the last, for movable buffers are placed
 * from the start.
 *
 * <p>As a range is shifted, what it costs changes where one of its ends meets the end of a buffer:
 * only ranges that begin or end there are looked at, so the work depends on the number of buffers
 * and not on that of pages.
 *
 * <p><b>Threads.</b> One; works on a snapshot.
 */
final class CandidateRanges {
  private static final Comparator<Candidate> CHEAPEST =
      Comparator.comparingLong(Candidate::pagesToMove).thenComparingInt(one -> -one.start);

  /**
   * A range that could be cleared.
   *
   * @param start its first page
   * @param end the page after its last
   * @param pagesToMove how many pages those have that lie in it, or partly
   */
  record Candidate(int start, int end, long pagesToMove) {}

  private final RegionSnapshot region;
  private final int count;
  private final int step;
  private final List<Occupied> occupied;

  /**
   * Looks at a region.
   *
   * @param region what lies where
   * @param count how many pages are wanted
   * @param step the number of the first one, in all of memory, is to be a multiple of this
   */
  CandidateRanges(RegionSnapshot region, int count, int step) {
    this.region = region;
    this.count = count;
    this.step = step;
    this.occupied = region.occupied();
  }

  /**
   * The cheapest range.
   *
   * @param excluded buffers that must not lie in it
   * @return a range, or null if there is none in which all could move
   */
  @Nullable Candidate cheapest(Set<MovableBuffer> excluded) {
    int size = occupied.size();
    long[] pagesBefore = new long[size + 1];
    int[] fixedBefore = new int[size + 1];
    for (int i = 0; i < size; i++) {
      Occupied one = occupied.get(i);
      boolean movable = one.user() instanceof MovableBuffer buffer && !excluded.contains(buffer);
      pagesBefore[i + 1] = pagesBefore[i] + one.count();
      fixedBefore[i + 1] = fixedBefore[i] + (movable ? 0 : 1);
    }
    Candidate best = null;
    for (int start : starts()) {
      int first = firstEndingAfter(start);
      int next = firstStartingFrom(start + count);
      if (fixedBefore[next] == fixedBefore[first] && !isIsolated(start)) {
        Candidate one = new Candidate(start, start + count, pagesBefore[next] - pagesBefore[first]);
        if (best == null || CHEAPEST.compare(one, best) < 0) {
          best = one;
        }
      }
    }
    return best;
  }

  private Iterable<Integer> starts() {
    Set<Integer> starts = new TreeSet<>();
    add(starts, region.alignUp(0, step));
    add(starts, region.alignDown(region.pages() - count, step));
    for (Occupied one : occupied) {
      add(starts, region.alignUp(one.end(), step));
      add(starts, region.alignDown(one.start() - count, step));
    }
    for (Isolation isolation : region.isolated()) {
      add(starts, region.alignUp(isolation.end, step));
      add(starts, region.alignDown(isolation.start - count, step));
    }
    return starts;
  }

  private void add(Set<Integer> starts, int start) {
    if (start >= 0 && start <= region.pages() - count) {
      starts.add(start);
    }
  }

  private boolean isIsolated(int start) {
    return region.isolated().stream().anyMatch(one -> one.overlaps(start, start + count));
  }

  /** The first buffer of which something lies behind the start of a page. */
  private int firstEndingAfter(int page) {
    int from = 0;
    int to = occupied.size();
    while (from < to) {
      int middle = (from + to) >>> 1;
      if (occupied.get(middle).end() > page) {
        to = middle;
      } else {
        from = middle + 1;
      }
    }
    return from;
  }

  /** The first buffer that begins at a page or behind it. */
  private int firstStartingFrom(int page) {
    int from = 0;
    int to = occupied.size();
    while (from < to) {
      int middle = (from + to) >>> 1;
      if (occupied.get(middle).start() >= page) {
        to = middle;
      } else {
        from = middle + 1;
      }
    }
    return from;
  }

  /**
   * The buffers that make waiting useless, if they do: those that are pinned for long, where each
   * range has one (design rule AL2).
   *
   * @return them, or an empty list if some range has none
   */
  List<PlacedBuffer> pinnedForGood() {
    List<PlacedBuffer> pinned = new ArrayList<>();
    int from = region.alignUp(0, step);
    for (Occupied one : occupied) {
      PlacedBuffer user = one.user();
      if (user != null && user.isLongPinned()) {
        if (from + count <= one.start()) {
          return List.of();
        }
        pinned.add(user);
        from = region.alignUp(one.end(), step);
      }
    }
    return from + count <= region.pages() ? List.of() : pinned;
  }

  /** The buffers in a range. */
  List<PlacedBuffer> usersIn(Candidate range) {
    List<PlacedBuffer> users = new ArrayList<>();
    int end = firstStartingFrom(range.end());
    for (Occupied one : occupied.subList(firstEndingAfter(range.start()), end)) {
      if (one.user() != null) {
        users.add(one.user());
      }
    }
    return users;
  }

  /** The buffers that never move. */
  List<PlacedBuffer> contiguous() {
    List<PlacedBuffer> users = new ArrayList<>();
    for (Occupied one : occupied) {
      if (one.user() instanceof ContiguousBuffer buffer) {
        users.add(buffer);
      }
    }
    return users;
  }
}
