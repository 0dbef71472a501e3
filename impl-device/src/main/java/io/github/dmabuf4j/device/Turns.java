package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Fences;
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
 * lock. Who finds nothing waits only if the count is still the one from before its look. The line
 * is linked through the places, so that taking one and leaving it don't fail for want of Java heap.
 *
 * <p><b>Threads.</b> Guarded by the lock of the pool, but for what says otherwise.
 */
final class Turns {
  /** A place in the line; compared by identity. */
  static final class Turn {
    final Wanted wanted;
    final Condition condition;
    final long since = System.nanoTime();
    private @Nullable Turn before;
    private @Nullable Turn behind;
    private boolean isInLine;

    private Turn(Wanted wanted, Condition condition) {
      this.wanted = wanted;
      this.condition = condition;
    }
  }

  private final ReentrantLock lock;
  private @Nullable Turn first;
  private @Nullable Turn last;
  private int length;
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
      addLast(turn);
    } finally {
      lock.unlock();
    }
    return turn;
  }

  /** Leaves the line, if it hasn't been left yet; the next one may try. Without the lock. */
  void leave(Turn turn) {
    lock.lock();
    try {
      if (turn.isInLine) {
        remove(turn);
        wakeFirst();
      }
    } finally {
      lock.unlock();
    }
  }

  private void addLast(Turn turn) {
    Turn before = last;
    turn.before = before;
    last = turn;
    if (before == null) {
      first = turn;
    } else {
      before.behind = turn;
    }
    turn.isInLine = true;
    length++;
  }

  private void remove(Turn turn) {
    Turn before = turn.before;
    Turn behind = turn.behind;
    if (before == null) {
      first = behind;
    } else {
      before.behind = behind;
    }
    if (behind == null) {
      last = before;
    } else {
      behind.before = before;
    }
    turn.before = null;
    turn.behind = null;
    turn.isInLine = false;
    length--;
  }

  /** Whether nobody waits. With the lock, or without. */
  boolean isEmpty() {
    lock.lock();
    try {
      return first == null;
    } finally {
      lock.unlock();
    }
  }

  boolean isFirst(Turn turn) {
    return first == turn;
  }

  /** How many wait behind the first. */
  int behind() {
    return Math.max(0, length - 1);
  }

  /** Whether somebody before this one could be served now; the first in line is told. */
  boolean areOthersDue(Turn turn, Predicate<Wanted> canBeServed) {
    for (Turn other = first; other != null; other = other.behind) {
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
    Turn next = first;
    if (next != null) {
      next.condition.signal();
    }
  }

  /** The pool's state changed. */
  void wakeAll() {
    wakeUps++;
    for (Turn turn = first; turn != null; turn = turn.behind) {
      turn.condition.signal();
    }
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
