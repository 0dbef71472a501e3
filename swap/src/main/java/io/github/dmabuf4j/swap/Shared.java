package io.github.dmabuf4j.swap;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * One of a few equal things, each for one thread at a time: there are as many as processors, up to
 * four, so that no lock is around the codec and scratch stays small.
 *
 * <p><b>Guard.</b> What a subclass has is guarded by its {@code lock}, from {@link #take} to {@link
 * #close}.
 */
abstract class Shared implements AutoCloseable {
  private static final int MOST = 4;

  private final ReentrantLock lock = new ReentrantLock();

  /** Makes some; if one can't be made, there are none. */
  static <S extends Shared> List<S> open(Supplier<S> one) {
    int count = Math.min(MOST, Runtime.getRuntime().availableProcessors());
    List<S> all = new ArrayList<>();
    boolean done = false;
    try {
      for (int i = 0; i < count; i++) {
        all.add(one.get());
      }
      done = true;
      return List.copyOf(all);
    } finally {
      if (!done) {
        all.forEach(Shared::release);
      }
    }
  }

  /**
   * Takes one that is free, else waits for one: as long as a chunk or a buffer takes. An interrupt
   * changes nothing.
   */
  static <S extends Shared> S take(List<S> all) {
    int first = (int) (Thread.currentThread().threadId() % all.size());
    for (int i = 0; i < all.size(); i++) {
      S one = all.get((first + i) % all.size());
      if (one.lock().tryLock()) {
        return one;
      }
    }
    S one = all.get(first);
    one.lock().lock();
    return one;
  }

  final ReentrantLock lock() {
    return lock;
  }

  /** Lets another thread have it. */
  @Override
  public final void close() {
    lock.unlock();
  }

  /** Gives its memory back, for good. */
  abstract void release();
}
