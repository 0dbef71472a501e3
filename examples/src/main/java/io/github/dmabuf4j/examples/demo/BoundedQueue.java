package io.github.dmabuf4j.examples.demo;

import org.jspecify.annotations.Nullable;

/**
 * A queue of pictures whose memory stays with them.
 *
 * <p><b>Threads.</b> Any. All fields are guarded by this; waiting on it costs no Java heap, as
 * waiting for a condition of a lock does.
 */
final class BoundedQueue implements PictureQueue {
  private final @Nullable Picture[] items;
  private int first;
  private int count;
  private boolean ended;
  private boolean closed;

  BoundedQueue(int capacity) {
    items = new Picture[capacity];
  }

  @Override
  public synchronized boolean awaitRoom(Picture picture) throws InterruptedException {
    while (count == items.length && !ended) {
      wait();
    }
    return !ended;
  }

  @Override
  public synchronized void add(Picture picture) {
    if (count == items.length) {
      throw new IllegalStateException("no room was waited for");
    }
    items[(first + count++) % items.length] = picture;
    notifyAll();
  }

  @Override
  public synchronized @Nullable Picture take() throws InterruptedException {
    while (count == 0 && !ended) {
      wait();
    }
    return closed ? null : takeLeftOver();
  }

  @Override
  public synchronized @Nullable Picture takeLeftOver() {
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

  @Override
  public synchronized void end() {
    ended = true;
    notifyAll();
  }

  @Override
  public synchronized void close() {
    closed = true;
    end();
  }
}
