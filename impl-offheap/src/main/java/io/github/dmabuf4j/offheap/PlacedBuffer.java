package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.MemorySegment;

/**
 * A buffer of a heap with a contiguous region that isn't a plain one: a {@link Block} is its place,
 * but not its exporter. Made for one allocation, never used again.
 *
 * <p><b>Invariant.</b> From its making to its release the buffer has {@code place} for itself, but
 * for the time that it is evicted or purged; of a {@link MovableBuffer} it changes, under the
 * reservation, when nobody uses the bytes. A buffer that is pinned counts in {@link PinnedBytes}
 * with the bytes of its place, which doesn't change then.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>place, placeless</td><td>plain</td><td>plain</td><td>the buffer's reservation; at release nobody else is left</td></tr>
 * <tr><td>pins, longPinned</td><td>volatile, for reports and choices</td><td>volatile</td><td>the buffer's reservation</td></tr>
 * </table>
 */
abstract sealed class PlacedBuffer implements Exporter permits MovableBuffer, ContiguousBuffer {
  final ReservedRegion region;
  final BufferObject object;

  /** Where the bytes are, or were if they were given up. */
  Block place;

  /** Whether its place was given up, as its content is elsewhere, or gone. */
  private boolean placeless;

  /** For how many terms it is pinned now. */
  private volatile int pinnedTerms;

  private volatile boolean longPinned;

  PlacedBuffer(ReservedRegion region, Block place) {
    this.region = region;
    this.place = place;
    this.object = new BufferObject(region.pool.around.apply(this));
    region.pool.lru.follow(object);
  }

  /** What its place is used for, in a map. */
  abstract FragmentationMap.Use use();

  boolean isPinned() {
    return pinnedTerms != 0;
  }

  boolean isLongPinned() {
    return longPinned;
  }

  @Override
  public String name() {
    return region.pool.name;
  }

  @Override
  public MappedBytes vmap() {
    return place.vmap();
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    MemorySegment all = place.segment(object.size());
    return ScatterList.of(access.writes() ? all : all.asReadOnly());
  }

  @Override
  @SuppressWarnings("NonAtomicVolatileUpdate") // the reservation is held
  public void pin(Pin.Term term) {
    if (pinnedTerms == 0) {
      region.pool.pin(object, place.bytes());
    }
    pinnedTerms++;
    if (term == Pin.Term.LONG) {
      longPinned = true;
    }
  }

  @Override
  @SuppressWarnings("NonAtomicVolatileUpdate") // the reservation is held
  public void unpin(Pin.Term term) {
    if (term == Pin.Term.LONG) {
      longPinned = false;
    }
    pinnedTerms--;
    if (pinnedTerms == 0) {
      region.pool.pinned.subtract(place.bytes());
    }
    region.wakeMovers();
  }

  @Override
  public BufferLru lru() {
    return region.pool.lru;
  }

  /** Whether it has no place. */
  final boolean isPlaceless() {
    return placeless;
  }

  /** Gives the place up. The reservation is held. */
  final void giveUpPlace() {
    region.pool.slabs.addHollow(1);
    region.vacate(this);
    placeless = true;
    region.pool.succession.handOn(place);
  }

  /** It has a new place. The reservation is held. */
  final void settleIn() {
    placeless = false;
    region.pool.slabs.addHollow(-1);
  }

  @Override
  public void release() {
    region.leave(this);
    if (placeless) {
      region.pool.slabs.addHollow(-1);
      region.pool.afterEvictedRelease();
    } else {
      region.giveBack(place);
    }
  }
}
