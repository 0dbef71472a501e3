package io.github.dmabuf4j;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A buffer of a {@link BufferQueue}, where it is, and since when.
 *
 * <p><b>Threads.</b> All that isn't final is guarded by the queue's lock. {@code fence} is read
 * without it by whoever has the slot in hand: it was written before the slot was taken, and nobody
 * else writes it before it is given back.
 */
final class QueueSlot implements BufferSlot {
  /** Where a buffer is. */
  enum Place {
    FREE("free"),
    PRODUCER("with the producer"),
    QUEUED("queued"),
    CONSUMER("with the consumer"),
    GONE("no longer in the queue, which is closed");

    final String inWords;

    Place(String inWords) {
      this.inWords = inWords;
    }
  }

  /**
   * What a slot was at one moment, for reports.
   *
   * @param slot which one
   * @param place where it was
   * @param thread who put it there, or null
   * @param since when, a {@link System#nanoTime()} value
   * @param fence what it came with
   */
  record Seen(QueueSlot slot, Place place, @Nullable Thread thread, long since, Fence fence) {}

  final QueueTurns turns;
  private final int index;
  private final DmaBuf buffer;

  /** The size of the buffer. */
  final long bytes;

  /** What is handed out: made once, for a hand-over must not allocate. */
  final Optional<BufferSlot> handedOut = Optional.of(this);

  Place place = Place.FREE;
  Fence fence = Fence.stub();
  @Nullable Thread thread;
  long since;

  QueueSlot(QueueTurns turns, int index, DmaBuf buffer) {
    this.turns = turns;
    this.index = index;
    this.buffer = buffer;
    this.bytes = buffer.size();
  }

  private QueueSlot(QueueSlot before) {
    turns = before.turns;
    index = before.index;
    buffer = before.buffer;
    bytes = before.bytes;
    place = before.place;
    fence = before.fence;
    thread = before.thread;
    since = before.since;
  }

  /** The same buffer's slot for another turn: from now on this one is nobody's. */
  QueueSlot nextTurn() {
    QueueSlot next = new QueueSlot(this);
    place = Place.GONE;
    return next;
  }

  void moveTo(Place to, @Nullable Thread by) {
    place = to;
    thread = by;
    since = System.nanoTime();
  }

  Seen seen() {
    return new Seen(this, place, thread, since, fence);
  }

  /** Gives up the queue's reference as soon as what the buffer came back with has signaled. */
  void letGo() {
    if (!fence.addCallback(signaled -> buffer.close())) {
      buffer.close();
    }
  }

  @Override
  public int index() {
    return index;
  }

  @Override
  public DmaBuf buffer() {
    if (Lockdep.isEnabled()) {
      turns.checkInHand(this, "buffer()");
    }
    return buffer;
  }

  @Override
  public Fence fence() {
    if (Lockdep.isEnabled()) {
      turns.checkInHand(this, "fence()");
    }
    return fence;
  }

  @Override
  public String toString() {
    return "#%d (%s)".formatted(index, buffer);
  }
}
