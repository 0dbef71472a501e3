package io.github.dmabuf4j;

/**
 * One of the two hands of a {@link BufferQueue}: from which line it takes, and how much it has. The
 * count is guarded by the queue's lock.
 */
final class QueueHand {
  /** Where a slot is that this hand has. */
  final QueueSlot.Place place;

  final SlotLine source;

  /** Who it is, in reports. */
  final String name;

  /** What it waits for, in reports. */
  final String turn;

  /** How many it may have at once. */
  final int most;

  /** How many it has. */
  int held;

  private QueueHand(QueueSlot.Place place, SlotLine source, String name, String turn, int most) {
    this.place = place;
    this.source = source;
    this.name = name;
    this.turn = turn;
    this.most = most;
  }

  static QueueHand producer(String queue, String called, SlotLine free, int most) {
    return new QueueHand(
        QueueSlot.Place.PRODUCER,
        free,
        name("producer", called),
        "a free buffer of buffer queue " + queue,
        most);
  }

  static QueueHand consumer(String queue, String called, SlotLine queued, int most) {
    return new QueueHand(
        QueueSlot.Place.CONSUMER,
        queued,
        name("consumer", called),
        "a buffer queued in buffer queue " + queue,
        most);
  }

  private static String name(String hand, String called) {
    return called.isEmpty() ? "the " + hand : "the %s %s".formatted(hand, called);
  }

  boolean isProducer() {
    return place == QueueSlot.Place.PRODUCER;
  }

  boolean isFull() {
    return held == most;
  }
}
