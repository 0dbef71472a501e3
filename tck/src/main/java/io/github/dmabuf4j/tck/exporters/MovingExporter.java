package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappingCache;
import java.lang.foreign.MemorySegment;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An exporter that can move its bytes between two places and spoils the one it left, and can drop
 * content that nobody needs. A fresh buffer lies in the {@linkplain Place#REGION region}.
 *
 * <p><b>How it moves</b> (rules CM13, CM9): it takes the reservation without waiting, passes by if
 * the buffer is busy, announces the move, copies the bytes, and only then spoils the old place. So
 * an importer that is told still finds its bytes where they were.
 *
 * <p><b>Threads.</b> {@link #tryMove} and {@link #tryPurge} on any thread; the place is guarded by
 * the reservation.
 */
public class MovingExporter extends PlainExporter {
  /** Where the bytes of a buffer are. */
  public enum Place {
    /** Where only what can be moved away may lie: what is pinned for long leaves it (PN6). */
    REGION,
    /** Anywhere else. */
    OUTSIDE
  }

  private Place place = Place.REGION;

  /**
   * Creates an exporter whose bytes lie in the region.
   *
   * @param heap whose buffers it exports
   * @param bytes how much memory, a multiple of {@link #PAGE}
   * @param shared the reservation that the buffer shares with others, or null for one of its own
   */
  protected MovingExporter(KitHeap heap, long bytes, @Nullable Reservation shared) {
    super(heap, bytes, shared);
  }

  /**
   * Makes a heap of such exporters.
   *
   * @param limitBytes the most bytes the heap commits
   * @param around what each exporter is wrapped in, for example a {@link Recorder}
   * @return a new heap
   */
  public static KitHeap heap(long limitBytes, UnaryOperator<Exporter> around) {
    return new KitHeap("kit:moving", limitBytes, around, MovingExporter::new);
  }

  /**
   * Moves the bytes to the other place unless somebody uses them. Waits for nobody.
   *
   * @return true if they were moved; false if the buffer was passed by (design rule PN2)
   */
  public boolean tryMove() {
    if (!object.tryBeginReclaim()) {
      return false;
    }
    try {
      if (object.isBusyLocked()) {
        return false;
      }
      moveLocked(place == Place.REGION ? Place.OUTSIDE : Place.REGION);
      return true;
    } finally {
      object.endReclaim();
    }
  }

  /**
   * Moves the bytes of a buffer that isn't busy, with the reservation held.
   *
   * @param target where to
   */
  void moveLocked(Place target) {
    MemorySegment old = memory;
    MemorySegment fresh = allocate(bytes);
    object.moveNotifyLocked();
    MemorySegment.copy(old, 0, fresh, 0, bytes);
    memory = fresh;
    place = target;
    spoil(old);
  }

  /**
   * Drops the content if its owner doesn't need it and nobody uses it. Waits for nobody.
   *
   * @return true if it was dropped
   */
  public boolean tryPurge() {
    if (!object.tryBeginReclaim()) {
      return false;
    }
    try {
      return object.purgeLocked();
    } finally {
      object.endReclaim();
    }
  }

  @Override
  public boolean dropIdleMapping() {
    return heap.idleMappings().drop(object);
  }

  /**
   * Where the bytes are. Exact only while nothing moves them.
   *
   * @return the place
   */
  public Place place() {
    return place;
  }

  @Override
  public @Nullable MappingCache mappingCache() {
    return heap.idleMappings();
  }

  @Override
  void prepare(boolean zero) {
    place = Place.REGION;
    super.prepare(zero);
  }

  @Override
  public void pin(Pin.Term term) {
    if (term == Pin.Term.LONG && place == Place.REGION) {
      if (object.isBusyLocked()) {
        throw new DmaBufException(
            "pin",
            Errno.EBUSY,
            "%s lies in the region and is in use: it can't be moved out for a long-term pin now, try again later"
                .formatted(object),
            null);
      }
      moveLocked(Place.OUTSIDE);
    }
  }

  @Override
  public boolean evict() {
    spoil(memory);
    return true;
  }

  @Override
  public void attach(Attachment attachment) {
    if (attachment.importer() instanceof CrampedImporter) {
      throw new DmaBufException(
          "attach",
          Errno.EBUSY,
          "%s can't serve %s together with those that are there"
              .formatted(object, attachment.importer().name()),
          null);
    }
  }
}
