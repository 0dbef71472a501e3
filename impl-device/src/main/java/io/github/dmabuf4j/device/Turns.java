package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Fences;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Who waits for others to release buffers: first come, first served, so that a large request isn't
 * starved by small ones. Strict order alone could deadlock, where the first waits for buffers of
 * one that stands behind it: while nothing is released, those behind may take what nobody before
 * them could use.
 *
 * <p><b>Invariant: no wake-up is lost.</b> {@code wakeUps} changes with each release, under the
 * lock. Who finds nothing waits only if the count is still the one from before its look.
 *
 * <p><b>Threads.</b> Guarded by the lock of the pool, but for what says otherwise.
 */
final class Turns {
  /** A place in the line; compared by identity. */
  static final class Turn {
    final Wanted wanted;
    final Condition condition;
    final long since = System.nanoTime();

    private Turn(Wanted wanted, Condition condition) {
      this.wanted = wanted;
      this.condition = condition;
    }
  }

  private final ReentrantLock lock;
  private final Deque<Turn> line = new ArrayDeque<>();
  private long wakeUps;
  private long lastReport;

  Turns(ReentrantLock lock) {
    this.lock = lock;
  }

  /** Takes the last place. Without the lock. */
  Turn join(Wanted wanted) {
    Turn turn = new Turn(wanted, lock.newCondition());
    lock.lock();
    try {
      line.addLast(turn);
    } finally {
      lock.unlock();
    }
    return turn;
  }

  /** Leaves the line, if it hasn't been left yet; the next one may try. Without the lock. */
  void leave(Turn turn) {
    lock.lock();
    try {
      if (line.remove(turn)) {
        wakeFirst();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether anybody waits. Without the lock. */
  boolean isEmpty() {
    lock.lock();
    try {
      return line.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  boolean isFirst(Turn turn) {
    return line.peekFirst() == turn;
  }

  /** How many wait behind the first. */
  int behind() {
    return Math.max(0, line.size() - 1);
  }

  /** Whether somebody before this one could be served now; the first in line is told. */
  boolean areOthersDue(Turn turn, Predicate<Wanted> canBeServed) {
    for (Turn other : line) {
      if (other == turn) {
        return false;
      }
      if (canBeServed.test(other.wanted)) {
        wakeFirst();
        return true;
      }
    }
    return false;
  }

  /** A number that changes with each release. */
  long wakeUps() {
    return wakeUps;
  }

  /** Something was released. */
  void wakeFirst() {
    wakeUps++;
    Turn first = line.peekFirst();
    if (first != null) {
      first.condition.signal();
    }
  }

  /** The pool's state changed. */
  void wakeAll() {
    wakeUps++;
    line.forEach(turn -> turn.condition.signal());
  }

  /**
   * Whether it is to be said now that somebody waits: by the first in line, if it has waited as
   * long as for a fence, and once in that time whoever is the first by then.
   */
  boolean beginReport(@Nullable Turn turn) {
    if (turn == null || !isFirst(turn) || turn.wanted.request().isQuiet()) {
      return false;
    }
    long now = System.nanoTime();
    long interval = TimeUnit.NANOSECONDS.convert(Fences.defaultTimeout());
    boolean due = now - turn.since >= interval && (lastReport == 0 || now - lastReport >= interval);
    if (due) {
      lastReport = now;
    }
    return due;
  }
}
