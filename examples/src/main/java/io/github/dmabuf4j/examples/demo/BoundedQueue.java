package io.github.dmabuf4j.examples.demo;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Pictures between two stages, one thread on each side. Room is waited for before a picture is
 * begun: a job whose fence is out must not wait for a queue.
 */
final class BoundedQueue {
  private final @Nullable Picture[] items;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by lock.
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
  boolean awaitRoom() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (count == items.length && !ended) {
        changed.await();
      }
      return !ended;
    } finally {
      lock.unlock();
    }
  }

  /** Adds a picture, never waits. Only after {@link #awaitRoom}. */
  void add(Picture picture) {
    lock.lock();
    try {
      if (count == items.length) {
        throw new IllegalStateException("no room was waited for");
      }
      items[(first + count++) % items.length] = picture;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes the next picture, waiting for it.
   *
   * @return null once the queue has ended and is empty
   */
  @Nullable Picture take() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (count == 0 && !ended) {
        changed.await();
      }
      return count == 0 ? null : removeFirst();
    } finally {
      lock.unlock();
    }
  }

  /** Takes what is left, without waiting. */
  @Nullable Picture poll() {
    lock.lock();
    try {
      return count == 0 ? null : removeFirst();
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Picture removeFirst() {
    Picture picture = items[first];
    items[first] = null;
    first = (first + 1) % items.length;
    count--;
    changed.signalAll();
    return picture;
  }

  /** No more pictures will come; what is in the queue is still taken. */
  void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
