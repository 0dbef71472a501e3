package io.github.dmabuf4j;

/**
 * One of the two hands of a {@link BufferQueue}: how much it has and may have. The count is guarded
 * by the queue's lock.
 */
final class QueueHand {
  /** Where a slot is that this hand has. */
  final QueueSlot.Place place;

  /** Who it is, in reports. */
  final String name;

  /** How many it may have at once. */
  final int most;

  /** How many it has. */
  int held;

  private QueueHand(QueueSlot.Place place, String name, int most) {
    this.place = place;
    this.name = name;
    this.most = most;
  }

  static QueueHand producer(String called, int most) {
    return new QueueHand(QueueSlot.Place.PRODUCER, name("producer", called), most);
  }

  static QueueHand consumer(String called, int most) {
    return new QueueHand(QueueSlot.Place.CONSUMER, name("consumer", called), most);
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
