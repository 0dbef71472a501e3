package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.FragmentationMap.Run;
import io.github.dmabuf4j.FragmentationMap.Use;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The pages of a region: whose each is, and which are being cleared.
 *
 * <p><b>Invariant.</b> Each page is free, or in one {@link RegionRange}, or isolated and in none.
 * No two ranges overlap, and no two isolations. A page is taken out of {@code runs} if and only if
 * it isn't free; so whoever places something never gets an isolated one. {@code placed} is the sum
 * of the pages of all ranges.
 *
 * <p><b>Guard.</b> All of it by the lock of the {@link ReservedRegion}.
 */
final class RegionPages {
  private final Slab slab;
  private final int pages;
  private final PageRuns runs;
  private final TreeMap<Integer, RegionRange> ranges = new TreeMap<>();
  private final List<Isolation> isolations = new ArrayList<>();
  private int placed;

  /** All pages free, and zero. */
  RegionPages(Slab slab) {
    this.slab = slab;
    this.pages = (int) (slab.region.segment().byteSize() >>> SizeClasses.PAGE_SHIFT);
    this.runs = new PageRuns(slab.region.address(), pages, 1);
  }

  int count() {
    return pages;
  }

  /** Whether there is room for a number of pages in an empty region. Needs no lock. */
  boolean couldFit(long count, int step) {
    long firstPage = slab.region.address() >>> SizeClasses.PAGE_SHIFT;
    long aligned = (firstPage + step - 1) & -step;
    return count <= pages - (aligned - firstPage);
  }

  int placed() {
    return placed;
  }

  int placedRanges() {
    return ranges.size();
  }

  int free() {
    return runs.free();
  }

  int longestFree() {
    return runs.longestFree();
  }

  /** Whether nobody has anything, and nothing is being cleared. */
  boolean isUnused() {
    return ranges.isEmpty() && isolations.isEmpty();
  }

  // ---- ranges ----

  /**
   * Takes free pages out, the lowest that fit.
   *
   * @param count how many
   * @param step the number of the first one, in all of memory, is a multiple of this
   * @param below the first one lies before this page
   * @return them, or null if there are none
   */
  @Nullable RegionRange take(int count, int step, int below) {
    int start = runs.take(count, step);
    if (start < 0) {
      return null;
    }
    if (start >= below) {
      free(start, start + count);
      return null;
    }
    return occupy(start, count);
  }

  private RegionRange occupy(int start, int count) {
    boolean done = false;
    try {
      long address = slab.region.address() + ((long) start << SizeClasses.PAGE_SHIFT);
      long bytes = (long) count << SizeClasses.PAGE_SHIFT;
      Block block =
          new Block(slab, address, bytes, SizeClasses.UNPOOLED, runs.isZero(start, count));
      RegionRange range = new RegionRange(start, start + count, block);
      ranges.put(start, range);
      placed += count;
      done = true;
      return range;
    } finally {
      if (!done) { // no memory for the objects
        free(start, start + count);
      }
    }
  }

  /** Puts pages back: to those who clear the range that they are in, or for anybody. */
  void give(Block block) {
    RegionRange range = ranges.remove(startOf(block));
    if (range == null || range.block != block) {
      throw new AssertionError("given back twice: a block at " + Long.toHexString(block.address));
    }
    placed -= range.pages();
    var _ = runs.give(range.start, range.pages(), block.written);
    for (Isolation isolation : isolations) {
      if (isolation.overlaps(range.start, range.end)) {
        runs.claim(Math.max(range.start, isolation.start), Math.min(range.end, isolation.end));
      }
    }
  }

  RegionRange rangeOf(Block block) {
    RegionRange range = ranges.get(startOf(block));
    if (range == null || range.block != block) {
      throw new AssertionError("no block of the region: " + Long.toHexString(block.address));
    }
    return range;
  }

  private int startOf(Block block) {
    return (int) ((block.address - slab.region.address()) >>> SizeClasses.PAGE_SHIFT);
  }

  // ---- isolation ----

  /** Keeps everybody out of a range; null if somebody else does, or what lies there stays. */
  @Nullable Isolation isolate(int start, int end) {
    for (Isolation other : isolations) {
      if (other.overlaps(start, end)) {
        return null;
      }
    }
    for (RegionRange range : rangesIn(start, end)) {
      if (!(range.user instanceof MovableBuffer)) {
        return null;
      }
    }
    Isolation isolation = new Isolation(start, end);
    isolations.add(isolation);
    runs.claim(start, end);
    return isolation;
  }

  /** What still lies in an isolated range, or partly. */
  List<RegionRange> rangesIn(Isolation isolation) {
    return rangesIn(isolation.start, isolation.end);
  }

  private List<RegionRange> rangesIn(int start, int end) {
    List<RegionRange> found = new ArrayList<>();
    Map.Entry<Integer, RegionRange> before = ranges.lowerEntry(start);
    if (before != null && before.getValue().overlaps(start, end)) {
      found.add(before.getValue());
    }
    found.addAll(ranges.subMap(start, end).values());
    return found;
  }

  /** Makes an isolated range that nothing lies in any more somebody's. */
  RegionRange takeIsolated(Isolation isolation) {
    isolations.remove(isolation);
    return occupy(isolation.start, isolation.end - isolation.start);
  }

  /** Lets everybody in again. */
  void giveUp(Isolation isolation) {
    isolations.remove(isolation);
    int page = isolation.start;
    for (RegionRange range : rangesIn(isolation)) {
      free(page, range.start);
      page = range.end;
    }
    free(page, isolation.end);
  }

  private void free(int start, int end) {
    if (start < end) {
      var _ = runs.give(start, end - start, false); // whether they are zero is known
    }
  }

  // ---- figures ----

  RegionSnapshot snapshot() {
    return new RegionSnapshot(
        slab.region.address() >>> SizeClasses.PAGE_SHIFT,
        pages,
        ranges.values().stream().map(RegionSnapshot.Occupied::of).toList(),
        List.copyOf(isolations));
  }

  FragmentationMap map() {
    List<Run> found = new ArrayList<>();
    int page = 0;
    for (RegionRange range : ranges.values()) {
      addUnplaced(found, page, range.start);
      add(found, range.start, range.end, use(range.user));
      page = range.end;
    }
    addUnplaced(found, page, pages);
    return new FragmentationMap((long) pages << SizeClasses.PAGE_SHIFT, found);
  }

  private static Use use(@Nullable PlacedBuffer user) {
    return user == null ? Use.RESERVED : user.use();
  }

  /** Adds what nobody lies in: free but for what is isolated. */
  private void addUnplaced(List<Run> to, int start, int end) {
    List<Isolation> inside =
        isolations.stream()
            .filter(isolation -> isolation.overlaps(start, end))
            .sorted((one, other) -> Integer.compare(one.start, other.start))
            .toList();
    int page = start;
    for (Isolation isolation : inside) {
      add(to, page, Math.max(page, isolation.start), Use.FREE);
      int until = Math.min(end, isolation.end);
      add(to, Math.max(page, isolation.start), until, Use.RESERVED);
      page = until;
    }
    add(to, page, end, Use.FREE);
  }

  private static void add(List<Run> to, int start, int end, Use use) {
    if (start < end) {
      to.add(
          new Run(
              (long) start << SizeClasses.PAGE_SHIFT,
              (long) (end - start) << SizeClasses.PAGE_SHIFT,
              use));
    }
  }
}
