package io.github.dmabuf4j.examples.demo;

import org.jspecify.annotations.Nullable;

/**
 * Pictures between two stages, one thread on each side. Room is waited for before a picture is
 * begun: a job whose fence is out must not wait for a queue.
 *
 * <p><b>Threads.</b> Any. All fields are guarded by this; waiting on it costs no Java heap, as
 * waiting for a condition of a lock does.
 */
final class BoundedQueue {
  private final @Nullable Picture[] items;
  private int first;
  private int count;
  private boolean ended;

  BoundedQueue(int capacity) {
    items = new Picture[capacity];
  }

  /**
   * Waits until {@link #add} is sure to have room.
   *
   * @return false if the queue was ended: nobody will take anything any more
   */
  synchronized boolean awaitRoom() throws InterruptedException {
    while (count == items.length && !ended) {
      wait();
    }
    return !ended;
  }

  /** Adds a picture, never waits. Only after {@link #awaitRoom}. */
  synchronized void add(Picture picture) {
    if (count == items.length) {
      throw new IllegalStateException("no room was waited for");
    }
    items[(first + count++) % items.length] = picture;
    notifyAll();
  }

  /**
   * Takes the next picture, waiting for it.
   *
   * @return null once the queue has ended and is empty
   */
  synchronized @Nullable Picture take() throws InterruptedException {
    while (count == 0 && !ended) {
      wait();
    }
    return poll();
  }

  /** Takes what is left, without waiting. */
  synchronized @Nullable Picture poll() {
    if (count == 0) {
      return null;
    }
    Picture picture = items[first];
    items[first] = null;
    first = (first + 1) % items.length;
    count--;
    notifyAll();
    return picture;
  }

  /** No more pictures will come; what is in the queue is still taken. */
  synchronized void end() {
    ended = true;
    notifyAll();
  }
}
