package io.github.dmabuf4j.examples.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
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

  /** What is to be done in this round; written before round, read after it. */
  private @Nullable Work work;

  /** Who waits for the helpers; written before round, read after it. */
  private @Nullable Thread asking;

  /** Helpers that are at work. Whoever makes it 0 wakes the asking thread up. */
  private final AtomicInteger busy = new AtomicInteger();

  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  /** Raised for each picture, by the asking thread alone. */
  private volatile int round;

  private volatile boolean closed;

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
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread at a time
  void run(int tileCount, Work newWork) throws Exception {
    tiles.next.set(0);
    tiles.count = tileCount;
    work = newWork;
    asking = Thread.currentThread();
    busy.set(helpers.size());
    round++;
    wakeHelpers();
    attempt(newWork, 0);
    while (busy.get() > 0) {
      LockSupport.park(this); // comes back at once if interrupted: then it is a spin, for a tile
    }
    work = null;
    rethrow(failure.getAndSet(null));
  }

  private static void rethrow(@Nullable Throwable problem) throws Exception {
    if (problem instanceof Exception exception) {
      throw exception;
    } else if (problem instanceof Error error) {
      throw error;
    }
  }

  private void wakeHelpers() {
    for (int i = 0; i < helpers.size(); i++) {
      LockSupport.unpark(helpers.get(i));
    }
  }

  private void help(int member) {
    for (int seen = 0; ; seen++) {
      while (round == seen && !closed) {
        LockSupport.park(this);
      }
      if (closed) {
        return;
      }
      Thread waiting = asking;
      attempt(Objects.requireNonNull(work, "work of this round"), member);
      if (busy.decrementAndGet() == 0) {
        LockSupport.unpark(waiting);
      }
    }
  }

  private void attempt(Work mine, int member) {
    try {
      mine.run(member, tiles);
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }

  @Override
  public void close() {
    closed = true;
    wakeHelpers();
  }
}
