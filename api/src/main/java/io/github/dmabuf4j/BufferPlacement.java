package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.MappedBytes;

/**
 * What keeps a buffer's bytes where they are: who has pinned it, and whether it is about to move.
 *
 * <p><b>Invariant.</b> Everything changes under the reservation alone; reports read it without and
 * may be late. A buffer that is pinned is neither offered for dropping, nor in a store, nor gone
 * (design rule PN3); each pin owns a reference, so none is left at the release. While importers are
 * told of a move nobody maps or pins, for that would be the old place.
 *
 * <p>What is derived from this, and from users and fences, such as whether the buffer is busy, is
 * in {@link BufferObject} (design rule SH4).
 *
 * <p>Source: dma_buf_pin, drm_gem_shmem_madvise_locked; rules CM1 to CM4, CG1, CG4.
 */
abstract sealed class BufferPlacement extends BufferContent permits BufferObject {
  private int shortPins;
  private int longPins;
  private boolean moving;

  /**
   * Refuses a buffer whose content is gone, or that is about to move; brings content back that is
   * in a store (design rule SH7).
   */
  final void ensureResidentLocked() {
    checkNotMoving();
    bringBackLocked();
  }

  /** Whoever maps or pins the bytes while importers are told of a move gets the old place. */
  final void checkNotMoving() {
    if (moving) {
      throw new IllegalStateException(
          self().displayName()
              + " is about to move, and its importers are being told of it: map or pin it at the"
              + " next use, once that is over");
    }
  }

  /** Says that importers are being told of a move, or no longer. */
  final void setMoving(boolean now) {
    moving = now;
  }

  /** Maps the bytes and keeps them where they are until {@link #dropUser} (design rule VM2). */
  final MappedBytes holdLocked() {
    ensureResidentLocked();
    return addUser();
  }

  /**
   * Counts one more pin of a term; the exporter hears of the first. Nothing is counted if it fails.
   */
  final void pinLocked(Pin.Term term) {
    ensureResidentLocked();
    if (isNotNeeded()) {
      throw new IllegalStateException(
          self().displayName()
              + " can't be pinned: its content may be dropped. Advise WILL_NEED first (design rule"
              + " PN3)");
    }
    int before = term == Pin.Term.LONG ? longPins : shortPins;
    if (before == 0) {
      exporter().pin(term);
    }
    if (term == Pin.Term.LONG) {
      longPins++;
    } else {
      shortPins++;
    }
  }

  /** Takes one pin of a term off; the exporter hears of the last. It is off even if that fails. */
  final void unpinLocked(Pin.Term term) {
    int left = term == Pin.Term.LONG ? --longPins : --shortPins;
    if (left == 0) {
      exporter().unpin(term);
    }
  }

  /** Notes whether the content is needed; false if it is gone, which it stays (rule CG4). */
  final boolean adviseLocked(Advice advice) {
    if (advice == Advice.DONT_NEED && pins() > 0) {
      throw new IllegalStateException(
          self().displayName()
              + " is pinned: its content can't be offered to reclaim (design rule PN3)");
    }
    return adviseContentLocked(advice);
  }

  /** How many pins there are, of both terms. */
  final int pins() {
    return shortPins + longPins;
  }
}
