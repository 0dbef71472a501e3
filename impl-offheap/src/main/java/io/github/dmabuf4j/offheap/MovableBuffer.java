package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.Pin;

/**
 * A buffer whose bytes may be moved while nobody uses them: from the region into the pool, back, or
 * within the region (design rules AL4, PN2, PN5). {@link Migration} moves it.
 *
 * <p><b>Threads.</b> As {@link PlacedBuffer}; whoever moves it holds its reservation.
 */
final class MovableBuffer extends PlacedBuffer {
  /** What was asked for: wherever it goes, its first byte is aligned like that. */
  final long alignment;

  MovableBuffer(ReservedRegion region, Block place, long alignment) {
    super(region, place);
    this.alignment = alignment;
  }

  @Override
  FragmentationMap.Use use() {
    return isPinned() ? FragmentationMap.Use.PINNED : FragmentationMap.Use.MOVABLE;
  }

  /**
   * Leaves the region first if the pin is long (design rule PN6).
   *
   * @throws DmaBufException if it can't leave the region, or the limit on pinned bytes is in the
   *     way
   */
  @Override
  public void pin(Pin.Term term) {
    if (term == Pin.Term.LONG && region.owns(place)) {
      leaveRegion();
    }
    super.pin(term);
  }

  @Override
  public boolean evict() {
    giveUpPlace();
    return true;
  }

  @Override
  public void restore() {
    if (isPlaceless()) {
      region.switchPlace(this, region.pool.succession.take(object.size(), alignment, true));
      settleIn();
    }
  }

  private void leaveRegion() {
    switch (region.migration.moveOutLocked(this)) {
      case MOVED -> {}
      case BUSY ->
          throw new DmaBufException(
              "pin",
              Errno.EBUSY,
              "%s lies in the contiguous region of %s, which a long-term pin must not block, and is in use: it can't be moved out now (design rule PN6). Pin it before it is used, or pin it short, or allocate it as not movable"
                  .formatted(object.displayName(), name()),
              null);
      case NO_ROOM ->
          throw new DmaBufException(
              "pin",
              Errno.ENOMEM,
              "%s lies in the contiguous region of %s, which a long-term pin must not block, and there is no room elsewhere to move its %d B to (design rule PN6). Close buffers outside of the region, raise the limit (?limit=…), or allocate with allocateContiguous what is to be pinned in the region"
                  .formatted(object.displayName(), name(), object.size()),
              null);
    }
  }
}
