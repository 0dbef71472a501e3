package io.github.dmabuf4j.offheap;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What lay where in a region at one instant. Immutable, but for the buffers, whose state goes on.
 *
 * @param firstPage the number of its first page in all of memory
 * @param pages how many it has
 * @param occupied what is somebody's, in the order of addresses
 * @param isolated what is being cleared
 */
record RegionSnapshot(
    long firstPage, int pages, List<Occupied> occupied, List<Isolation> isolated) {
  /**
   * A range of a buffer.
   *
   * @param start its first page
   * @param end the page after its last
   * @param block the same, as memory
   * @param user whose it is, or null if that is changing
   */
  record Occupied(int start, int end, Block block, @Nullable PlacedBuffer user) {
    static Occupied of(RegionRange range) {
      return new Occupied(range.start, range.end, range.block, range.user);
    }

    int count() {
      return end - start;
    }
  }

  /** The first page from one on whose number in all of memory is a multiple of a power of two. */
  int alignUp(int page, int step) {
    return (int) Math.min(pages, ((firstPage + page + step - 1) & -step) - firstPage);
  }

  /** The last such page up to one; below 0 if there is none. */
  int alignDown(int page, int step) {
    return (int) Math.max(-1, ((firstPage + page) & -step) - firstPage);
  }
}
