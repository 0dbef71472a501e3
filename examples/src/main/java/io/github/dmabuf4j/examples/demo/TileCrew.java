package io.github.dmabuf4j.examples.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Threads that work on one picture together, tile by tile: whoever is free takes the next one. The
 * thread that asks works with them.
 *
 * <p><b>Threads.</b> {@link #run} for one thread at a time.
 */
final class TileCrew implements AutoCloseable {
  /** What each member does with a picture. */
  @FunctionalInterface
  interface Work {
    /**
     * Works off tiles, as long as there are any.
     *
     * @param member number of the thread, from 0
     * @param tiles gives the next tile
     */
    void run(int member, Tiles tiles) throws Exception;
  }

  /** The tiles of the picture in work. */
  static final class Tiles {
    private final AtomicInteger next = new AtomicInteger();
    private volatile int count;

    /** The next tile from 0, or -1 if there are no more. */
    int next() {
      int tile = next.getAndIncrement();
      return tile < count ? tile : -1;
    }
  }

  private final Tiles tiles = new Tiles();
  private final List<Thread> helpers = new ArrayList<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition begun = lock.newCondition();
  private final Condition done = lock.newCondition();

  // Guarded by lock.
  private @Nullable Work work;
  private int round;
  private int busy;
  private boolean closed;
  private @Nullable Throwable failure;

  /** Starts all members but one. */
  TileCrew(String name, int members) {
    for (int i = 1; i < members; i++) {
      int member = i;
      helpers.add(Thread.ofPlatform().name(name + "-" + i).daemon().start(() -> help(member)));
    }
  }

  int members() {
    return helpers.size() + 1;
  }

  /**
   * Lets all members work, and waits for them.
   *
   * @throws Exception what the first member threw that failed
   */
  void run(int tileCount, Work newWork) throws Exception {
    lock.lock();
    try {
      tiles.next.set(0);
      tiles.count = tileCount;
      work = newWork;
      busy = helpers.size();
      failure = null;
      round++;
      begun.signalAll();
    } finally {
      lock.unlock();
    }
    Throwable problem = attempt(newWork, 0);
    Throwable theirs = awaitHelpers();
    Throwable failure = problem != null ? problem : theirs;
    if (failure instanceof Exception exception) {
      throw exception;
    } else if (failure instanceof Error error) {
      throw error;
    }
  }

  private @Nullable Throwable awaitHelpers() {
    lock.lock();
    try {
      while (busy > 0) {
        done.awaitUninterruptibly();
      }
      work = null;
      return failure;
    } finally {
      lock.unlock();
    }
  }

  private void help(int member) {
    int seen = 0;
    while (true) {
      Work mine;
      lock.lock();
      try {
        while (round == seen && !closed) {
          begun.awaitUninterruptibly();
        }
        if (closed) {
          return;
        }
        seen = round;
        mine = work;
      } finally {
        lock.unlock();
      }
      finish(attempt(mine, member));
    }
  }

  private @Nullable Throwable attempt(@Nullable Work mine, int member) {
    try {
      if (mine != null) {
        mine.run(member, tiles);
      }
      return null;
    } catch (Throwable e) {
      return e;
    }
  }

  private void finish(@Nullable Throwable problem) {
    lock.lock();
    try {
      failure = failure == null ? problem : failure;
      busy--;
      done.signal();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      begun.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
