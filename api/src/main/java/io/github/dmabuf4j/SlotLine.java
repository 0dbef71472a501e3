package io.github.dmabuf4j;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Slots in a row, first in, first out, and how many threads wait for one: part of a {@link
 * BufferQueue}. It has room for all slots of the queue, so it is never full. Guarded by the queue's
 * lock.
 */
final class SlotLine {
  /** Where a slot is that stands here. */
  final QueueSlot.Place place;

  /** What who takes from here waits for, in reports. */
  final String turn;

  private final @Nullable QueueSlot[] ring;
  private int first;
  private int count;

  /** Threads that wait on the queue's lock for this line, woken or not. */
  int waiting;

  SlotLine(QueueSlot.Place place, int capacity, String turn) {
    this.place = place;
    this.turn = turn;
    this.ring = new QueueSlot[capacity];
  }

  boolean isEmpty() {
    return count == 0;
  }

  int count() {
    return count;
  }

  void add(QueueSlot slot) {
    int end = first + count;
    ring[end < ring.length ? end : end - ring.length] = slot;
    count++;
  }

  /** The slot that has stood here for longest; there must be one. */
  QueueSlot first() {
    return Objects.requireNonNull(ring[first]);
  }

  /** Takes the slot that has stood here for longest; there must be one. */
  QueueSlot remove() {
    QueueSlot slot = first();
    ring[first] = null;
    first = first + 1 < ring.length ? first + 1 : 0;
    count--;
    return slot;
  }

  void moveAllTo(List<QueueSlot> slots) {
    while (!isEmpty()) {
      slots.add(remove());
    }
  }
}
