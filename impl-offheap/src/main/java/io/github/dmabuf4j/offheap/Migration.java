package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.LockdepException;
import io.github.dmabuf4j.Reclaim;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Moves movable buffers, one at a time.
 *
 * <p><b>Protocol.</b> Take a reference and the reservation, without waiting for either; pass by if
 * the buffer is busy (design rule PN2). Take the new place out. Tell importers, which drops the
 * idle mapping too (design rules PN5, AL5): from then on nothing refers to the old place. Look
 * again whether it is busy, for an importer that was told may have added a fence. Copy. Switch the
 * place, which can't fail. Give the old place back, then the reservation, then the reference, which
 * may release the buffer.
 *
 * <p><b>Invariant.</b> At each moment the buffer has a place with its content. Until the switch
 * that is the old one, and whatever fails before gives the new one back; nobody sees the new one
 * before the unlock. Both places count while the bytes are copied: the limit is never exceeded, for
 * the new one was taken out within it.
 *
 * <p><b>Locks.</b> The reservation is tried, or held by the caller; the locks of the region and the
 * pool are taken inside, for short, and never held around anything here. Importers are user code,
 * which runs with the reservation and no other lock.
 *
 * <p>Source: mm/migrate.c (migrate_folio), ttm_bo_move; rules CM9, CM13, CG12.
 */
final class Migration {
  /** What came of a move. */
  enum Outcome {
    /** Its bytes are elsewhere. */
    MOVED,
    /** Somebody uses it, or it has no users any more and is on its way back. */
    BUSY,
    /** There is no other place for it. */
    NO_ROOM
  }

  /** Where a buffer can go to. */
  @FunctionalInterface
  interface Target {
    /** Takes a place out; null if there is none. */
    @Nullable Block take(MovableBuffer buffer);
  }

  private static final System.Logger LOG = System.getLogger(Migration.class.getName());

  private final ReservedRegion region;
  private final LongAdder moves = new LongAdder();
  private final LongAdder movedBytes = new LongAdder();
  private final LongAdder busy = new LongAdder();

  Migration(ReservedRegion region) {
    this.region = region;
  }

  /**
   * Moves a buffer from a place, if it is there and nobody uses it, for somebody who goes on with
   * others: what an importer throws is logged, and the buffer passed by. Waits for nobody.
   *
   * @param buffer what
   * @param from where it was seen
   * @param target where to
   */
  Outcome moveOrPassBy(MovableBuffer buffer, Block from, Target target) {
    try (Reclaim _ = Reclaim.begin()) {
      return tryMove(buffer, from, target);
    } catch (LockdepException e) {
      throw e;
    } catch (RuntimeException e) { // the buffer is where it was
      LOG.log(Level.WARNING, buffer.object.displayName() + " could not be moved", e);
      busy.increment();
      return Outcome.BUSY;
    }
  }

  /**
   * Moves a buffer from a place, if it is there and nobody uses it. Waits for nobody. Throws what
   * an importer throws; the buffer isn't moved then.
   */
  Outcome tryMove(MovableBuffer buffer, Block from, Target target) {
    if (!buffer.object.tryBeginReclaim()) {
      busy.increment();
      return Outcome.BUSY;
    }
    try {
      return buffer.place == from ? moveLocked(buffer, target) : Outcome.BUSY;
    } finally {
      buffer.object.endReclaim();
    }
  }

  /** Moves a buffer into the pool, by whoever holds its reservation. */
  Outcome moveOutLocked(MovableBuffer buffer) {
    return moveLocked(buffer, this::intoPool);
  }

  /** Looks whether somebody uses a buffer. Waits for nobody; may have changed when it returns. */
  boolean isSeenBusy(MovableBuffer buffer) {
    try (Reclaim _ = Reclaim.begin()) {
      if (!buffer.object.tryBeginReclaim()) {
        return true;
      }
      try {
        return buffer.object.isBusyLocked();
      } finally {
        buffer.object.endReclaim();
      }
    }
  }

  // ---- targets ----

  /** Out of the region. */
  @Nullable Block intoPool(MovableBuffer buffer) {
    return region.pool.takeForMove(buffer.object.size(), buffer.alignment);
  }

  /** Into the region, but for what is isolated in it. */
  @Nullable Block intoRegion(MovableBuffer buffer) {
    return region.place(buffer.object.size(), buffer.alignment, true);
  }

  /** Wherever there is more room, or any. */
  @Nullable Block anywhere(MovableBuffer buffer) {
    boolean regionFirst = region.hasMostFree();
    Block first = regionFirst ? intoRegion(buffer) : intoPool(buffer);
    if (first != null) {
      return first;
    }
    return regionFirst ? intoPool(buffer) : intoRegion(buffer);
  }

  // ---- one move, with the reservation held ----

  private Outcome moveLocked(MovableBuffer buffer, Target target) {
    if (buffer.object.isBusyLocked() || buffer.isPlaceless()) {
      busy.increment();
      return Outcome.BUSY;
    }
    Block to = target.take(buffer);
    if (to == null) {
      return Outcome.NO_ROOM;
    }
    Block from = buffer.place;
    boolean moved = false;
    try {
      buffer.object.moveNotifyLocked();
      if (!buffer.object.isBusyLocked()) {
        copy(from, to, buffer.object.size());
        region.switchPlace(buffer, to);
        moved = true;
      }
    } finally {
      if (!moved) {
        region.giveBack(to);
      }
    }
    if (!moved) {
      busy.increment();
      return Outcome.BUSY;
    }
    moves.increment();
    movedBytes.add(buffer.object.size());
    region.giveBack(from);
    return Outcome.MOVED;
  }

  private static void copy(Block from, Block to, long bytes) {
    to.written = true;
    MemorySegment.copy(from.segment(bytes), 0, to.segment(bytes), 0, bytes);
  }

  // ---- figures ----

  long moves() {
    return moves.sum();
  }

  long movedBytes() {
    return movedBytes.sum();
  }

  long busy() {
    return busy.sum();
  }
}
