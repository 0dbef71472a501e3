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
 *   <li>Each slot of {@code slots} is in one place. FREE and QUEUED ones stand in the line of that
 *       place, once, and nothing else stands there. Of PRODUCER and CONSUMER ones there are as many
 *       as that hand holds, and no more than it may. Once closed none is FREE or QUEUED; one that
 *       became GONE is let go by the thread that made it so, once.
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
  private final SlotLine free;
  private final SlotLine queued;
  private final QueueHand producer;
  private final QueueHand consumer;
  private boolean ended;
  private boolean closed;

  /** Takes over a reference to each buffer. */
  QueueTurns(BufferQueue.Builder builder, List<DmaBuf> references) {
    int size = references.size();
    name = builder.name;
    slots = new QueueSlot[size];
    free = new SlotLine(QueueSlot.Place.FREE, size);
    queued = new SlotLine(QueueSlot.Place.QUEUED, size);
    producer = QueueHand.producer(name, builder.producer, free, builder.maxDequeued);
    consumer = QueueHand.consumer(name, builder.consumer, queued, builder.maxAcquired);
    for (int i = 0; i < size; i++) {
      slots[i] = new QueueSlot(this, i, references.get(i));
      free.add(slots[i]);
    }
  }

  QueueHand producer() {
    return producer;
  }

  QueueHand consumer() {
    return consumer;
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
   * @return null if there is none
   * @throws IllegalStateException if closed, the producer's stream has ended, or the hand is full
   */
  @Nullable QueueSlot tryTake(QueueHand hand) {
    QueueReport report;
    synchronized (lock) {
      QueueSlot slot = next(hand);
      if (slot != null || !hand.isFull() || isOverFor(hand)) {
        return slot;
      }
      report = report();
    }
    throw new IllegalStateException(report.full(hand));
  }

  /** Takes as {@link #take} does, not interruptibly. */
  @Nullable QueueSlot takeUninterruptibly(QueueHand hand, Duration timeout) {
    try {
      return take(hand, timeout, false);
    } catch (InterruptedException e) {
      throw new AssertionError("an uninterruptible wait was interrupted", e);
    }
  }

  /** Takes as {@link #take} does, interruptibly. */
  @Nullable QueueSlot takeInterruptibly(QueueHand hand, Duration timeout)
      throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    return take(hand, timeout, true);
  }

  /**
   * Takes the next slot, waiting for one.
   *
   * @return null if the consumer's stream is over
   * @throws OutOfBuffersException if the producer got none in time
   * @throws NothingQueuedException if the consumer got none in time
   * @throws IllegalStateException if closed, the producer's stream has ended, or the hand is full
   */
  private @Nullable QueueSlot take(QueueHand hand, Duration timeout, boolean interruptible)
      throws InterruptedException {
    long nanos = Deadline.nanos(timeout);
    if (nanos > 0) {
      Lockdep.mayWaitForTurn(hand.turn); // whether or not it has to this time
    }
    boolean full;
    QueueReport report;
    synchronized (lock) {
      QueueSlot slot = next(hand);
      if (slot == null && nanos > 0) {
        slot = await(hand, nanos, interruptible);
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
    String late = report.late(hand, timeout);
    throw hand.isProducer() ? outOfBuffers(late) : new NothingQueuedException(late);
  }

  private OutOfBuffersException outOfBuffers(String late) {
    long largest = 0;
    long total = 0;
    for (QueueSlot slot : slots) {
      largest = Math.max(largest, slot.bytes);
      total += slot.bytes;
    }
    return new OutOfBuffersException(largest, total, late);
  }

  /** Waits for the next slot; null if the time is up, or waiting makes no sense. Lock held. */
  private @Nullable QueueSlot await(QueueHand hand, long nanos, boolean interruptible)
      throws InterruptedException {
    long start = System.nanoTime();
    long left = nanos;
    boolean interrupted = false;
    QueueSlot slot = null;
    Lockdep.beforeWait(hand.turn, false);
    try {
      while (slot == null && left > 0 && !hand.isFull() && !isOverFor(hand)) {
        hand.source.waiting++;
        try {
          lock.wait(left / 1_000_000, (int) (left % 1_000_000));
        } catch (InterruptedException e) {
          if (interruptible) {
            throw e;
          }
          interrupted = true;
        } finally {
          hand.source.waiting--;
        }
        slot = next(hand);
        left = nanos - (System.nanoTime() - start);
      }
      return slot;
    } finally {
      Lockdep.afterWait();
      if (slot == null && !hand.source.isEmpty()) {
        wakeOne(hand.source); // this thread may have been the one that was woken for it
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** The next slot, now in that hand; null if there is none, or it may have no more. Lock held. */
  private @Nullable QueueSlot next(QueueHand hand) {
    if (closed || (ended && hand.isProducer())) {
      throw new IllegalStateException(
          "%s can't get %s, %s"
              .formatted(
                  hand.name, hand.turn, closed ? "which is closed" : "whose stream was ended"));
    }
    if (hand.isFull() || hand.source.isEmpty()) {
      return null;
    }
    Fence fence = passedOn(hand.source.first().fence);
    QueueSlot slot = hand.source.remove();
    if (Lockdep.isEnabled()) {
      slot = slot.nextTurn();
      slots[slot.index()] = slot;
    }
    slot.fence = fence;
    slot.moveTo(hand.place, Thread.currentThread());
    hand.held++;
    return slot;
  }

  /** Whether a hand will never get a slot again, as it should be. Lock held. */
  private boolean isOverFor(QueueHand hand) {
    return ended && !hand.isProducer() && hand.source.isEmpty();
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
    if (!(given instanceof QueueSlot slot) || slot.turns != this) {
      throw new IllegalArgumentException(
          "%s wants a slot of buffer queue %s, got %s, which isn't one"
              .formatted(operation, name, given));
    }
    Fence passed = fence == null ? null : passedOn(fence);
    synchronized (lock) {
      checkIn(hand, slot, operation);
      if (ended && !closed && destination == queued) {
        throw new IllegalStateException(
            "queue of slot %d of buffer queue %s, whose stream was ended: cancel it"
                .formatted(slot.index(), name));
      }
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

  /** Wakes a thread that waits for a line, or all where it can't be told from others. Lock held. */
  private void wakeOne(SlotLine line) {
    if (line.waiting == 0) {
      return;
    }
    if (line.waiting == free.waiting + queued.waiting) {
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
      return "buffer queue %s: %d free, %d with %s, %d queued, %d with %s%s%s"
          .formatted(
              name,
              free.count(),
              producer.held,
              producer.name,
              queued.count(),
              consumer.held,
              consumer.name,
              ended ? ", ended" : "",
              closed ? ", closed" : "");
    }
  }
}
