package io.github.dmabuf4j;

import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A buffer of a {@link BufferQueue}, where it is, and since when; or the room for one.
 *
 * <p><b>Threads.</b> All that isn't final is guarded by the queue's lock. {@code buffer} and {@code
 * fence} are read without it by whoever has the slot in hand: they were written before the slot was
 * taken, and nobody else writes them before it is given back.
 */
final class QueueSlot implements BufferSlot {
  /** Where a buffer is. */
  enum Place {
    EMPTY("empty"),
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
   * @param buffer what was in it, or null
   * @param bytes the size of that
   * @param place where it was
   * @param thread who put it there, or null
   * @param since when, a {@link System#nanoTime()} value
   * @param fence what it came with
   */
  record Seen(
      QueueSlot slot,
      @Nullable DmaBuf buffer,
      long bytes,
      Place place,
      @Nullable Thread thread,
      long since,
      Fence fence) {

    @Override
    public String toString() {
      return inWords(slot.index, buffer);
    }
  }

  final QueueTurns turns;
  private final int index;
  private @Nullable DmaBuf buffer;

  /** The size of the buffer. */
  private long bytes;

  /** What is handed out: made once, for a hand-over must not allocate. */
  final Optional<BufferSlot> handedOut = Optional.of(this);

  Place place = Place.EMPTY;
  Fence fence = Fence.stub();
  @Nullable Thread thread;
  long since;

  QueueSlot(QueueTurns turns, int index) {
    this.turns = turns;
    this.index = index;
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

  /** Takes a buffer over. */
  void fill(DmaBuf taken, long size) {
    buffer = taken;
    bytes = size;
  }

  /** Gives the buffer away, and with it what it is to be waited for. There must be one. */
  DmaBuf clear() {
    DmaBuf given = Objects.requireNonNull(buffer);
    buffer = null;
    bytes = 0;
    fence = Fence.stub();
    return given;
  }

  /** Whether somebody could write what somebody else has, if this handle came in as well. */
  boolean isSharedWith(DmaBuf other) {
    return buffer != null
        && buffer.refersToSame(other)
        && !(buffer.refusesWrites() && other.refusesWrites());
  }

  void moveTo(Place to, @Nullable Thread by) {
    place = to;
    thread = by;
    since = System.nanoTime();
  }

  Seen seen() {
    return new Seen(this, buffer, bytes, place, thread, since, fence);
  }

  /** Gives up the queue's reference as soon as what the buffer came back with has signaled. */
  void letGo() {
    DmaBuf last = buffer;
    if (last != null && !fence.addCallback(signaled -> last.close())) {
      last.close();
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
    DmaBuf present = buffer;
    if (present == null) {
      throw new IllegalStateException("buffer() of %s, which is empty".formatted(this));
    }
    return present;
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
    return inWords(index, buffer);
  }

  private static String inWords(int index, @Nullable DmaBuf buffer) {
    return buffer == null ? "#" + index : "#%d (%s)".formatted(index, buffer);
  }
}
