package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of the memory of buffers that are evicted or purged, and where that of buffers that
 * come back is found.
 *
 * <p><b>Invariant.</b> Memory passes from block to block, and is always that of exactly one: the
 * buffer's, until {@link #hollow}; then that of a new block without a buffer, which is idle, or
 * goes back to its slab at once if the reserve of the store isn't whole. Coming back, a buffer's
 * block takes over the memory of a block that was taken out as for an allocation. What fails on the
 * way changes nothing.
 *
 * <p><b>Threads.</b> Any; the reservation of the buffer is held, but at its release. All locks of
 * the pool are taken inside.
 */
final class Succession {
  private final Pool pool;
  private final Supply supply;

  Succession(Pool pool, Supply supply) {
    this.pool = pool;
    this.supply = supply;
  }

  /** Takes the memory of a buffer's block away: its content is elsewhere, or not needed. */
  void hollow(Block block) {
    handOn(pool.slabs.succeed(block));
  }

  /**
   * Gives a hollow block memory again, of any content.
   *
   * @throws io.github.dmabuf4j.OutOfBuffersException if there is none
   */
  void refill(Block block) {
    Block found = take(block.object.size(), 1L << block.alignmentShift, false);
    pool.slabs.refill(block, found);
  }

  /**
   * Takes out a block for a buffer that comes back, which counts as live.
   *
   * @throws io.github.dmabuf4j.OutOfBuffersException if there is none
   */
  Block take(long size, long alignment, boolean movable) {
    Block found = supply.obtainAgain(pool.wantedAgain(size, alignment, movable));
    found.written = true; // in a moment
    if (!pool.isInRegion(found)) {
      pool.account.takenUnallocated(found);
    }
    return found;
  }

  /** The buffer of a hollow block has ended. */
  void drop(Block block) {
    pool.slabs.dropHollow(block);
    pool.afterEvictedRelease();
  }

  /**
   * Takes out a block for the store, which counts as live; of the reserve if need be. Reclaims
   * nothing.
   *
   * @return null if there is no room
   */
  @Nullable Block takeForStore(long byteSize) {
    Wanted wanted = pool.wanted(byteSize, SizeClasses.PAGE, AllocPolicy.NOWAIT);
    if (wanted.bytes() < 0) {
      return null;
    }
    Block block = pool.popIdle(wanted);
    if (block != null) {
      pool.account.poppedUnallocated();
    } else {
      try {
        block = pool.slabs.commitForStore(wanted);
      } catch (SlabMemoryException e) {
        return null; // as if there were no room: the buffer stays where it is
      }
    }
    if (block != null) {
      pool.account.takenUnallocated(block);
    }
    return block;
  }

  /** Gives up a block that counts as live and whose content nobody needs. */
  void handOn(Block block) {
    if (pool.isInRegion(block)) {
      Objects.requireNonNull(pool.region).giveBack(block);
      return;
    }
    block.written = true;
    if (!pool.slabs.isShortOfReserve()) {
      pool.release(block);
      return;
    }
    long bytes;
    try {
      bytes = pool.slabs.giveBackLive(List.of(block));
    } catch (OutOfMemoryError e) { // it wasn't: releasing it needs none
      pool.release(block);
      return;
    }
    pool.account.liveGivenBack(block);
    pool.afterGivingBack(bytes);
  }
}
