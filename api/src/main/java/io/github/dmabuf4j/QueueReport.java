package io.github.dmabuf4j;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Who has the buffers of a {@link BufferQueue}, in words. Put into words without the queue's lock:
 * the names of buffers and threads come from code of others.
 *
 * @param queue the queue's name
 * @param producer the hand that fills
 * @param consumer the hand that uses
 * @param slots all slots as they were at one moment
 * @param at that moment, a {@link System#nanoTime()} value
 */
record QueueReport(
    String queue, QueueHand producer, QueueHand consumer, List<QueueSlot.Seen> slots, long at) {

  /** Nobody gave the hand a slot of that line in time. */
  String late(QueueHand hand, SlotLine line, Duration waited) {
    String advice =
        switch (line.place) {
          case EMPTY ->
              "Detach what is no longer used, make the queue of more slots, or wait longer";
          case FREE ->
              "Release what is no longer used, make the queue of more buffers, or wait longer";
          default -> "Find out what the producer waits for, have it end the stream, or wait longer";
        };
    return "%s didn't get %s within %s; waiter: %s. %s. %s"
        .formatted(
            hand.name, line.turn, waited, Thread.currentThread(), list(seen -> true), advice);
  }

  /** The hand wants more than it may have. */
  String full(QueueHand hand) {
    String advice =
        hand.isProducer()
            ? "Queue, cancel or withdraw one first, or allow more with maxDequeued"
            : "Release or detach one first, or allow more with maxAcquired";
    return "%s has as many buffers of buffer queue %s as it may, %d: %s. %s"
        .formatted(hand.name, queue, hand.most, list(seen -> seen.place() == hand.place), advice);
  }

  private String list(Predicate<QueueSlot.Seen> wanted) {
    return slots.stream().filter(wanted).map(this::inWords).collect(Collectors.joining("; "));
  }

  private String inWords(QueueSlot.Seen seen) {
    String where =
        switch (seen.place()) {
          case EMPTY, FREE, GONE -> seen.place().inWords;
          case PRODUCER -> "with %s, dequeued by %s".formatted(producer.name, since(seen));
          case QUEUED -> "queued by " + since(seen);
          case CONSUMER -> "with %s, acquired by %s".formatted(consumer.name, since(seen));
        };
    String fence = seen.fence().isSignaled() ? "" : ", and there is " + WaitChain.of(seen.fence());
    return "%s is %s%s".formatted(seen, where, fence);
  }

  /** The size of the largest buffer. */
  long largestBytes() {
    return slots.stream().mapToLong(QueueSlot.Seen::bytes).max().orElse(0);
  }

  /** The size of all buffers together. */
  long bytes() {
    return slots.stream().mapToLong(QueueSlot.Seen::bytes).sum();
  }

  private String since(QueueSlot.Seen seen) {
    Duration ago = Duration.ofNanos(at - seen.since()).truncatedTo(ChronoUnit.MICROS);
    return "%s %s ago".formatted(seen.thread(), ago);
  }
}
