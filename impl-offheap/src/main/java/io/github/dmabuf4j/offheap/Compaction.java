package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.offheap.RegionSnapshot.Occupied;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Moves the movable buffers of a region together: each, from the last one on, to the first free
 * place before it that is large enough. What is in use stays. No state; waits for nobody.
 *
 * <p>Ends: a buffer goes to lower addresses only, and each is tried once.
 *
 * <p>Source: mm/compaction.c, whose two scanners meet in the same way.
 */
final class Compaction {
  private Compaction() {}

  /** Compacts a region once, and says how many bytes were moved. */
  static long run(ReservedRegion region) {
    long moved = 0;
    List<Occupied> occupied = region.snapshot().occupied();
    for (Occupied one : occupied.reversed()) {
      if (one.user() instanceof MovableBuffer buffer
          && region.migration.moveOrPassBy(
                  buffer, one.block(), moving -> below(region, moving, one.block()))
              == Migration.Outcome.MOVED) {
        moved += one.block().bytes();
      }
    }
    return moved;
  }

  private static @Nullable Block below(ReservedRegion region, MovableBuffer buffer, Block from) {
    return region.placeBelow(from.address, buffer.object.size(), buffer.alignment);
  }
}
