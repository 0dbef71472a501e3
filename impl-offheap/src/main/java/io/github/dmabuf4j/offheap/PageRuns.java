package io.github.dmabuf4j.offheap;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * Which pages of a shared slab are in use, and which of the others are known to be zero. First fit,
 * lowest address first, so that slabs empty from the top.
 *
 * <p><b>Invariant.</b> A page that isn't in {@code dirty} reads as zero. {@code free} is the number
 * of pages not in {@code used}. No page below {@code lowest} is free; no run of {@code tooLong}
 * free pages or more exists, and none of {@code misalignedCount} or more at a multiple of {@code
 * misalignedStep} or more.
 *
 * <p><b>Guard.</b> All of it by the lock of the {@link Slabs}; offsets and counts are in {@link
 * SizeClasses#PAGE}s.
 */
final class PageRuns {
  /** A range of pages. */
  record Range(int start, int end) {
    long byteOffset() {
      return (long) start << SizeClasses.PAGE_SHIFT;
    }

    long byteCount() {
      return (long) (end - start) << SizeClasses.PAGE_SHIFT;
    }
  }

  private final long firstPage;
  private final int pages;
  private final int pagesPerUnit;
  private final BitSet used;
  private final BitSet dirty;
  private int free;
  private int lowest;
  private int tooLong;
  private int misalignedCount;
  private int misalignedStep;

  /**
   * Creates a slab full of zero pages.
   *
   * @param address of the first one, which is one of the machine's
   * @param pages how many
   * @param pagesPerUnit how many make up a page of the machine, a power of two
   */
  PageRuns(long address, int pages, int pagesPerUnit) {
    this.firstPage = address >>> SizeClasses.PAGE_SHIFT;
    this.pages = pages;
    this.pagesPerUnit = pagesPerUnit;
    this.used = new BitSet(pages);
    this.dirty = new BitSet(pages);
    this.free = pages;
    forgetFailures();
  }

  private void forgetFailures() {
    tooLong = pages + 1;
    misalignedCount = pages + 1;
    misalignedStep = Integer.MAX_VALUE;
  }

  boolean isEmpty() {
    return free == pages;
  }

  /**
   * Takes a run out.
   *
   * @param count how many pages
   * @param step the number of the page at its start, in all of memory, is a multiple of this, a
   *     power of two
   * @return its start in the slab, or -1 if there is none
   */
  int take(int count, int step) {
    if (count > free || count >= tooLong || (count >= misalignedCount && step >= misalignedStep)) {
      return -1;
    }
    lowest = used.nextClearBit(lowest);
    int start = align(lowest, step);
    while (start + count <= pages) {
      int blocked = used.nextSetBit(start);
      if (blocked < 0 || blocked >= start + count) {
        used.set(start, start + count);
        free -= count;
        return start;
      }
      start = align(used.nextClearBit(blocked), step);
    }
    if (step == 1) {
      tooLong = count;
    } else {
      misalignedCount = count;
      misalignedStep = step;
    }
    return -1;
  }

  /** The next page in the slab whose number in all of memory is a multiple of a power of two. */
  private int align(int page, int step) {
    long aligned = (firstPage + page + step - 1) & -step;
    return (int) Math.min(pages, aligned - firstPage);
  }

  /**
   * Takes every free page of a range out, so that nobody else gets one.
   *
   * @param start its first page
   * @param end the one after its last
   */
  void claim(int start, int end) {
    for (int page = used.nextClearBit(start); page < end; page = used.nextClearBit(page)) {
      int next = used.nextSetBit(page);
      int to = next < 0 ? end : Math.min(end, next);
      used.set(page, to);
      free -= to - page;
    }
  }

  /** How many pages are free. */
  int free() {
    return free;
  }

  /** The length of the longest run of free pages. */
  int longestFree() {
    int longest = 0;
    for (int page = used.nextClearBit(0); page < pages; ) {
      int next = used.nextSetBit(page);
      int end = next < 0 ? pages : next;
      longest = Math.max(longest, end - page);
      page = used.nextClearBit(end);
    }
    return longest;
  }

  /** Whether all of it is known to be zero. */
  boolean isZero() {
    return dirty.isEmpty();
  }

  /** Whether a run is known to be zero. */
  boolean isZero(int start, int count) {
    int next = dirty.nextSetBit(start);
    return next < 0 || next >= start + count;
  }

  /**
   * Puts a run back. That is done, too, where there is no Java heap for what is returned.
   *
   * @param start its start
   * @param count how many pages
   * @param written whether somebody may have written to it
   * @return the pages to give back to the operating system now: whole units, nothing in use, not
   *     empty; or null if there are none
   */
  @Nullable Range give(int start, int count, boolean written) {
    int end = start + count;
    used.clear(start, end);
    free += count;
    lowest = Math.min(lowest, start);
    forgetFailures();
    if (written) {
      dirty.set(start, end);
    }
    int from = start & -pagesPerUnit;
    if (isUsedWithin(from, start)) {
      from += pagesPerUnit;
    }
    int to = Math.min(pages, roundUp(end, pagesPerUnit));
    if (isUsedWithin(end, to)) {
      to -= pagesPerUnit;
    }
    return from < to && !isZero(from, to - from) ? new Range(from, to) : null;
  }

  private boolean isUsedWithin(int start, int end) {
    int next = used.nextSetBit(start);
    return next >= 0 && next < end;
  }

  /** Says that pages went back to the operating system. */
  void zeroed(Range range) {
    zeroed(range.start, range.end);
  }

  /** Says that pages went back to the operating system. */
  void zeroed(int start, int end) {
    dirty.clear(start, end);
  }

  private static int roundUp(int value, int unit) {
    return (value + unit - 1) & -unit;
  }
}
