package io.github.dmabuf4j.offheap;

import org.jspecify.annotations.Nullable;

/**
 * Pages of a region that are somebody's: where a buffer lies, or where one goes to.
 *
 * <p><b>Guard.</b> {@code user} by the lock of the {@link ReservedRegion}; the rest is final. What
 * is read without the lock, in a copy, may have changed: whoever acts on it looks again under the
 * buffer's reservation.
 */
final class RegionRange {
  /** Its first page, counted from the start of the region. */
  final int start;

  /** The page after its last. */
  final int end;

  /** The same, as memory. */
  final Block block;

  /** Whose it is; null while its buffer is being made, or on the way here or away from here. */
  @Nullable PlacedBuffer user;

  RegionRange(int start, int end, Block block) {
    this.start = start;
    this.end = end;
    this.block = block;
  }

  boolean overlaps(int from, int to) {
    return start < to && from < end;
  }

  int pages() {
    return end - start;
  }
}
