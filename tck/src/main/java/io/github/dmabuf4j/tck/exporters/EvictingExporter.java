package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.spi.Exporter;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An exporter that gives its memory up: what is left behind is spoiled, and doesn't count against
 * the limit of its heap. To restore, it takes other memory, which is spoiled, too, until the core
 * fills it.
 *
 * <p><b>Threads.</b> {@link #tryEvict} and {@link #tryPurge} on any thread; whether it has memory
 * is guarded by the reservation.
 */
public class EvictingExporter extends PlainExporter {
  private final EvictingHeap evicting;
  private boolean gone;

  /**
   * Creates an exporter with memory of its own.
   *
   * @param heap whose buffers it exports
   * @param bytes how much memory, a multiple of {@link #PAGE}
   * @param shared the reservation that the buffer shares with others, or null for one of its own
   */
  protected EvictingExporter(EvictingHeap heap, long bytes, @Nullable Reservation shared) {
    super(heap, bytes, shared);
    this.evicting = heap;
    heap.lru().follow(object);
  }

  /**
   * Makes a heap of such exporters.
   *
   * @param limitBytes the most bytes the heap commits
   * @param around what each exporter is wrapped in, for example a {@link Recorder}
   * @return a new heap with a store of its own
   */
  public static EvictingHeap heap(long limitBytes, UnaryOperator<Exporter> around) {
    return new EvictingHeap(
        "kit:evicting", limitBytes, around, EvictingExporter::new, new CopyingStore());
  }

  @Override
  public @Nullable BufferLru lru() {
    return evicting.lru();
  }

  /**
   * Saves the content and gives the memory up, if nobody uses it. Waits for nobody.
   *
   * @return true if it did
   */
  public boolean tryEvict() {
    if (!object.tryBeginReclaim()) {
      return false;
    }
    try {
      return object.evictLocked(evicting.store());
    } finally {
      object.endReclaim();
    }
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
  public boolean evict() {
    spoil(memory);
    if (!gone) {
      gone = true;
      heap.gaveUp(this);
    }
    return true;
  }

  @Override
  public void restore() {
    if (gone) {
      heap.takeBack(this);
      gone = false;
      memory = allocate(bytes);
      spoil(memory);
    }
  }
}
