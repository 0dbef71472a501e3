package io.github.dmabuf4j;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whose turn it is with each buffer of a {@link BufferQueue}: what moves slots between the lines
 * and the hands.
 *
 * <p><b>Invariant</b>, whenever {@code lock} is free:
 *
 * <ol>
 *   <li>Each slot of {@code slots} is in one place. EMPTY, FREE and QUEUED ones stand in the line
 *       of that place, once, and nothing else stands there. Of PRODUCER and CONSUMER ones there are
 *       as many as that hand holds, and no more than it may. Once closed none is EMPTY, FREE or
 *       QUEUED; one that became GONE is let go by the thread that made it so, once.
 *   <li>EMPTY slots have no buffer; FREE, QUEUED, PRODUCER and CONSUMER ones have one each. None is
 *       in two slots, unless neither handle can write. A handle is the queue's from when it was
 *       attached until it is detached or let go, and one of the two happens.
 *   <li>What is given back and isn't the very object in {@code slots}, or is in another place than
 *       that hand, is refused before anything changes.
 *   <li>Where a line has a slot and threads wait for one, a thread that could take it was woken and
 *       hasn't looked yet. Hence no wake-up is lost: each slot that is added wakes one, and who
 *       leaves without a slot wakes the next.
 *   <li>{@code ended} and {@code closed} only become true, and wake everybody.
 * </ol>
 *
 * <p>One lock for both hands: a call is a few steps, which change where a slot is, and two locks
 * would have to agree on that. Its monitor is also what threads wait on: that allocates nothing,
 * and doesn't pin a virtual thread (JEP 491). No code of others runs under it.
 *
 * <p><b>Threads.</b> Any.
 */
final class QueueTurns {
  private final Object lock = new Object();
  private final String name;
  private final QueueSlot[] slots;
  private final SlotLine empty;
  private final SlotLine free;
  private final SlotLine queued;
  private final QueueHand producer;
  private final QueueHand consumer;
  private boolean ended;
  private boolean closed;

  /** Takes over a reference to each buffer; slots beyond those are empty. */
  QueueTurns(BufferQueue.Builder builder, List<DmaBuf> references, int size) {
    name = builder.name;
    slots = new QueueSlot[size];
    empty = new SlotLine(QueueSlot.Place.EMPTY, size, "an empty slot of buffer queue " + name);
    free = new SlotLine(QueueSlot.Place.FREE, size, "a free buffer of buffer queue " + name);
    queued = new SlotLine(QueueSlot.Place.QUEUED, size, "a buffer queued in buffer queue " + name);
    producer = QueueHand.producer(builder.producer, builder.maxDequeued);
    consumer = QueueHand.consumer(builder.consumer, builder.maxAcquired);
    for (int i = 0; i < size; i++) {
      QueueSlot slot = new QueueSlot(this, i);
      if (i < references.size()) {
        slot.fill(references.get(i), references.get(i).size());
      }
      SlotLine line = i < references.size() ? free : empty;
      slot.place = line.place;
      slots[i] = slot;
      line.add(slot);
    }
  }

  QueueHand producer() {
    return producer;
  }

  QueueHand consumer() {
    return consumer;
  }

  SlotLine empty() {
    return empty;
  }

  SlotLine free() {
    return free;
  }

  SlotLine queued() {
    return queued;
  }

  // ---- taking ----

  /**
   * Takes the next slot if there is one.
   *
   * @param hand who takes it
   * @param line where from
   * @param attached what to put into it, or null if there is something in it
   * @return null if there is none
   * @throws IllegalArgumentException if what to put into it is in another slot
   * @throws IllegalStateException if closed, the producer's stream has ended, the hand is full, or
   *     what to put into it is closed
   */
  @Nullable QueueSlot tryTake(QueueHand hand, SlotLine line, @Nullable DmaBuf attached) {
    long bytes = attached == null ? 0 : attached.size();
    QueueReport report;
    synchronized (lock) {
      QueueSlot slot = next(hand, line, attached, bytes);
      if (slot != null || !hand.isFull() || isOverFor(hand)) {
        return slot;
      }
      report = report();
    }
    throw new IllegalStateException(report.full(hand));
  }

  /** Takes as {@link #take} does, not interruptibly. */
  @Nullable QueueSlot takeUninterruptibly(
      QueueHand hand, SlotLine line, @Nullable DmaBuf attached, Duration timeout) {
    try {
      return take(hand, line, attached, timeout, false);
    } catch (InterruptedException e) {
      throw new AssertionError("an uninterruptible wait was interrupted", e);
    }
  }

  /** Takes as {@link #take} does, interruptibly. */
  @Nullable QueueSlot takeInterruptibly(
      QueueHand hand, SlotLine line, @Nullable DmaBuf attached, Duration timeout)
      throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    return take(hand, line, attached, timeout, true);
  }

  /**
   * Takes the next slot, waiting for one.
   *
   * @return null if the consumer's stream is over
   * @throws OutOfBuffersException if the producer got none in time
   * @throws NothingQueuedException if the consumer got none in time
   * @throws IllegalArgumentException if what to put into it is in another slot
   * @throws IllegalStateException if closed, the producer's stream has ended, the hand is full, or
   *     what to put into it is closed
   */
  private @Nullable QueueSlot take(
      QueueHand hand,
      SlotLine line,
      @Nullable DmaBuf attached,
      Duration timeout,
      boolean interruptible)
      throws InterruptedException {
    long nanos = Deadline.nanos(timeout);
    if (nanos > 0) {
      Lockdep.mayWaitForTurn(line.turn); // whether or not it has to this time
    }
    long bytes = attached == null ? 0 : attached.size();
    boolean full;
    QueueReport report;
    synchronized (lock) {
      QueueSlot slot = next(hand, line, attached, bytes);
      if (slot == null && nanos > 0) {
        slot = await(hand, line, attached, bytes, nanos, interruptible);
      }
      if (slot != null || isOverFor(hand)) {
        return slot;
      }
      full = hand.isFull();
      report = report();
    }
    if (full) {
      throw new IllegalStateException(report.full(hand));
    }
    String late = report.late(hand, line, timeout);
    throw switch (line.place) {
      case EMPTY -> new OutOfBuffersException("attach", bytes, report.bytes(), late);
      case FREE ->
          new OutOfBuffersException("dequeue", report.largestBytes(), report.bytes(), late);
      default -> new NothingQueuedException(late);
    };
  }

  /** Waits for the next slot; null if the time is up, or waiting makes no sense. Lock held. */
  private @Nullable QueueSlot await(
      QueueHand hand,
      SlotLine line,
      @Nullable DmaBuf attached,
      long bytes,
      long nanos,
      boolean interruptible)
      throws InterruptedException {
    long start = System.nanoTime();
    long left = nanos;
    boolean interrupted = false;
    QueueSlot slot = null;
    Lockdep.beforeWait(line.turn, false);
    try {
      while (slot == null && left > 0 && !hand.isFull() && !isOverFor(hand)) {
        line.waiting++;
        try {
          lock.wait(left / 1_000_000, (int) (left % 1_000_000));
        } catch (InterruptedException e) {
          if (interruptible) {
            throw e;
          }
          interrupted = true;
        } finally {
          line.waiting--;
        }
        slot = next(hand, line, attached, bytes);
        left = nanos - (System.nanoTime() - start);
      }
      return slot;
    } finally {
      Lockdep.afterWait();
      if (slot == null && !line.isEmpty()) {
        wakeOne(line); // this thread may have been the one that was woken for it
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** The next slot, now in that hand; null if there is none, or it may have no more. Lock held. */
  private @Nullable QueueSlot next(
      QueueHand hand, SlotLine line, @Nullable DmaBuf attached, long bytes) {
    checkMayTake(hand, line, attached);
    if (hand.isFull() || line.isEmpty()) {
      return null;
    }
    Fence fence = passedOn(line.first().fence);
    QueueSlot slot = line.remove();
    if (Lockdep.isEnabled()) {
      slot = slot.nextTurn();
      slots[slot.index()] = slot;
    }
    if (attached != null) {
      slot.fill(attached, bytes);
    }
    slot.fence = fence;
    slot.moveTo(hand.place, Thread.currentThread());
    hand.held++;
    return slot;
  }

  private void checkMayTake(QueueHand hand, SlotLine line, @Nullable DmaBuf attached) {
    if (closed || (ended && hand.isProducer())) {
      throw new IllegalStateException(
          "%s can't get %s, %s"
              .formatted(
                  hand.name, line.turn, closed ? "which is closed" : "whose stream was ended"));
    }
    if (attached == null) {
      return;
    }
    for (QueueSlot slot : slots) {
      if (slot.isSharedWith(attached)) {
        throw new IllegalArgumentException(
            "attach of a buffer that is in slot %d of buffer queue %s already: both hands would have it at once; handles that are both read-only may be"
                .formatted(slot.index(), name));
      }
    }
  }

  /** Whether a hand will never get a slot again, as it should be. Lock held. */
  private boolean isOverFor(QueueHand hand) {
    return ended && !hand.isProducer() && queued.isEmpty();
  }

  // ---- giving back ----

  /**
   * Gives a slot back.
   *
   * @param hand who has it
   * @param given what was handed out
   * @param fence what is to be waited for from now on, or null for what it came with
   * @param destination where it goes unless this is closed
   * @param operation what was called, for messages
   * @throws IllegalArgumentException if the slot is of another queue
   * @throws IllegalStateException if the hand doesn't have it, or the stream to queue it in has
   *     ended
   */
  void give(
      QueueHand hand,
      BufferSlot given,
      @Nullable Fence fence,
      SlotLine destination,
      String operation) {
    QueueSlot slot = own(given, operation);
    Fence passed = fence == null ? null : passedOn(fence);
    synchronized (lock) {
      checkIn(hand, slot, operation);
      checkGoesOn(slot, destination);
      hand.held--;
      if (passed != null) {
        slot.fence = passed;
      }
      if (!closed) {
        slot.moveTo(destination.place, destination == free ? null : Thread.currentThread());
        destination.add(slot);
        wakeOne(destination);
        return;
      }
      slot.moveTo(QueueSlot.Place.GONE, null);
    }
    slot.letGo();
  }

  /**
   * Gives the buffer of a slot to the caller, and leaves the slot empty.
   *
   * @param hand who has it
   * @param given what was handed out
   * @param operation what was called, for messages
   * @return the buffer, whose fence the caller must have seen to
   * @throws IllegalArgumentException if the slot is of another queue
   * @throws IllegalStateException if the hand doesn't have it
   */
  DmaBuf takeOut(QueueHand hand, BufferSlot given, String operation) {
    QueueSlot slot = own(given, operation);
    synchronized (lock) {
      checkIn(hand, slot, operation);
      hand.held--;
      DmaBuf buffer = slot.clear();
      slot.moveTo(closed ? QueueSlot.Place.GONE : empty.place, null);
      if (!closed) {
        empty.add(slot);
        wakeOne(empty);
      }
      return buffer;
    }
  }

  private QueueSlot own(BufferSlot given, String operation) {
    if (!(given instanceof QueueSlot slot) || slot.turns != this) {
      throw new IllegalArgumentException(
          "%s wants a slot of buffer queue %s, got %s, which isn't one"
              .formatted(operation, name, given));
    }
    return slot;
  }

  /** What is to be waited for, or has an error to tell of. */
  private static Fence passedOn(Fence fence) {
    return fence.isSignaled() && fence.failure() == null ? Fence.stub() : fence;
  }

  private void checkIn(QueueHand hand, QueueSlot slot, String operation) {
    boolean current = slots[slot.index()] == slot;
    if (!current || slot.place != hand.place) {
      throw new IllegalStateException(
          "%s of slot %d of buffer queue %s, which %s doesn't have: %s"
              .formatted(
                  operation,
                  slot.index(),
                  name,
                  hand.name,
                  current
                      ? "it is " + slot.place.inWords
                      : "it was given back, and the buffer is on another turn"));
    }
  }

  /** Refuses to queue in a stream that was ended. Lock held. */
  private void checkGoesOn(QueueSlot slot, SlotLine destination) {
    if (ended && !closed && destination == queued) {
      throw new IllegalStateException(
          "queue of slot %d of buffer queue %s, whose stream was ended: cancel it"
              .formatted(slot.index(), name));
    }
  }

  /** Wakes a thread that waits for a line, or all where it can't be told from others. Lock held. */
  private void wakeOne(SlotLine line) {
    if (line.waiting == 0) {
      return;
    }
    if (line.waiting == empty.waiting + free.waiting + queued.waiting) {
      lock.notify();
    } else {
      lock.notifyAll();
    }
  }

  // ---- the end ----

  void end() {
    synchronized (lock) {
      ended = true;
      lock.notifyAll();
    }
  }

  void close() {
    List<QueueSlot> dropped = new ArrayList<>(slots.length);
    synchronized (lock) {
      closed = true;
      empty.moveAllTo(dropped);
      free.moveAllTo(dropped);
      queued.moveAllTo(dropped);
      for (QueueSlot slot : dropped) {
        slot.moveTo(QueueSlot.Place.GONE, null);
      }
      lock.notifyAll();
    }
    RunAll steps = new RunAll();
    dropped.forEach(slot -> steps.run(slot::letGo));
    steps.finish();
  }

  boolean isDrained() {
    synchronized (lock) {
      return isOverFor(consumer);
    }
  }

  boolean isClosed() {
    synchronized (lock) {
      return closed;
    }
  }

  // ---- reports ----

  private QueueReport report() {
    List<QueueSlot.Seen> seen = new ArrayList<>(slots.length);
    for (QueueSlot slot : slots) {
      seen.add(slot.seen());
    }
    return new QueueReport(name, producer, consumer, seen, System.nanoTime());
  }

  /** For the validator: a slot that is used must be in a hand. */
  void checkInHand(QueueSlot slot, String operation) {
    synchronized (lock) {
      if (slots[slot.index()] != slot
          || (slot.place != QueueSlot.Place.PRODUCER && slot.place != QueueSlot.Place.CONSUMER)) {
        throw new IllegalStateException(
            "%s of slot %d of buffer queue %s, which was given back"
                .formatted(operation, slot.index(), name));
      }
    }
  }

  @Override
  public String toString() {
    synchronized (lock) {
      return "buffer queue %s: %d free, %d with %s, %d queued, %d with %s%s%s%s"
          .formatted(
              name,
              free.count(),
              producer.held,
              producer.name,
              queued.count(),
              consumer.held,
              consumer.name,
              empty.isEmpty() ? "" : ", %d empty".formatted(empty.count()),
              ended ? ", ended" : "",
              closed ? ", closed" : "");
    }
  }
}
