package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The lock of a {@link Reservation}: exclusive, and free of deadlock between the contexts that take
 * several ({@code struct ww_mutex}).
 *
 * <p>Who takes it does so with a <i>claim</i>: the thread itself, or the {@link AcquireContext}
 * that it locks several in. One word says who has it, so that one CAS takes the lock together with
 * all that the rules of waiting have to know about the new holder, and one gives it back.
 *
 * <pre>
 *   state     null        free
 *             a claim     held; nobody has asked to be woken
 *             this        held by {@code claim}; the holder must wake a waiter when it unlocks
 *
 *   null ──lock──▶ claim ──a waiter marks──▶ this ──unlock──▶ null, and the first waiter is woken,
 *    ▲◀──unlock───── │ ◀──the last waiter left── │ ─────────▶ or the first waiter's claim (hand-off)
 * </pre>
 *
 * <p><b>Invariant.</b> Whenever the monitor is free:
 *
 * <ol>
 *   <li>If there are waiters, the state is {@code this}, or a waiter that was woken is on its way
 *       to {@link #look}, which makes it so. Hence no wake-up is lost: who leaves the queue, for
 *       whatever reason, calls {@link #settle}.
 *   <li>If the state is {@code this}, there are waiters, and each of them has been compared with
 *       the holder under rule CW7. Whoever takes the lock by the fast path is compared when the
 *       state is marked, whoever queues when it queues, whoever is handed the lock at that moment.
 *   <li>Waiters with a context stand by age, oldest first; those without one first in, first out
 *       among them; nobody is put before a waiter without a context that stands first (rule CW8).
 *   <li>A waiter leaves the queue together with its outcome, decided under the monitor: a grant, a
 *       death, an interrupt and a time-out never meet.
 * </ol>
 *
 * <p>From 2 and 3 follows that no cycle of waits can last: of two contexts that hold something and
 * wait, the younger one waits for the older one only in a wound-wait class, and is told to back off
 * as soon as it stands in the way of an older one itself. A context that holds nothing, and a
 * thread without a context, can't be part of a cycle, and is never told anything.
 *
 * <p>Whoever comes while the lock is free takes it, even before those who wait: a running thread
 * makes better use of it than one that must be woken first. A first waiter that was woken {@value
 * #PATIENCE} times in vain is handed the lock.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th></tr>
 * <tr><td>state</td><td>acquire by {@link #claim()}, opaque where a CAS follows</td><td>CAS by anybody while it is null, from a
 *   claim by its owner or by a waiter under the monitor, from {@code this} under the monitor only</td></tr>
 * <tr><td>claim</td><td>acquire, after an acquiring read of the state gave {@code this}; null: read the state again</td><td>under the
 *   monitor: before the state becomes {@code this}, and to null, by release, after it became something else</td></tr>
 * <tr><td>first, last, all fields of a waiter</td><td>monitor</td><td>monitor</td></tr>
 * </table>
 *
 * <p>{@link #isHeldBy} may race with others, but not for the holder itself: the value of {@code
 * claim} is a thread's own only while that thread holds the lock, or has been handed it and not
 * returned from {@link #lock} yet. It is null while the state isn't {@code this}, but for a moment
 * of marking: a lock that is free keeps nobody's context reachable.
 *
 * <p>The monitor is held for a few steps through a short queue, never while parked. Blocking on it
 * doesn't pin a virtual thread (JEP 491).
 *
 * <p>Source: kernel/locking/mutex.c, kernel/locking/ww_mutex.h; rules CW2, CW5, CW7, CW8.
 */
final class WwMutex {
  /** How long to wait: for ever. */
  static final long FOREVER = Long.MAX_VALUE;

  private static final int PATIENCE = 4;

  /** More frames than any path through the queue nests. */
  private static final int STACK_DEPTH = 16;

  private static final VarHandle STATE;
  private static final VarHandle CLAIM;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      STATE = lookup.findVarHandle(WwMutex.class, "state", Object.class);
      CLAIM = lookup.findVarHandle(WwMutex.class, "claim", Object.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @SuppressWarnings("unused") // by STATE
  private @Nullable Object state;

  private @Nullable Object claim;
  private @Nullable Waiter first;
  private @Nullable Waiter last;

  /** How an attempt to take the lock ended. */
  enum Outcome {
    /** The lock is held. */
    ACQUIRED,
    /** The context has it already (EALREADY). */
    ALREADY,
    /** The context must back off (EDEADLK). */
    DEADLOCK,
    /** The thread was interrupted; its flag is cleared. */
    INTERRUPTED,
    /** The time was up. */
    TIMED_OUT
  }

  /** A thread in the queue. */
  private static final class Waiter {
    final Thread thread = Thread.currentThread();
    final Object claim;
    final @Nullable WwContext context;

    /** Whether it may be told to back off: its context holds other locks, and keeps them. */
    final boolean exposed;

    @Nullable Waiter before;
    @Nullable Waiter behind;
    @Nullable Outcome outcome; // null while in the queue
    int wakeUps;

    Waiter(Object claim) {
      this.claim = claim;
      this.context = claim instanceof WwContext c ? c : null;
      this.exposed = context != null && context.holdsAny();
    }
  }

  // ---- for anybody ----

  /** Who has the lock: a thread, a context, or null; a snapshot. */
  @Nullable Object claim() {
    while (true) {
      Object seen = STATE.getAcquire(this);
      if (seen != this) {
        return seen;
      }
      Object marked = CLAIM.getAcquire(this);
      if (marked != null) {
        return marked;
      } // else the mark has just been taken away: the state says more now
    }
  }

  /** Whether anybody has the lock; a snapshot. */
  boolean isLocked() {
    return STATE.getAcquire(this) != null;
  }

  /** Whether a claim of the calling thread has the lock: exact. */
  boolean isHeldBy(Object own) {
    return claim() == own;
  }

  // ---- lock ----

  /** Takes the lock if nobody has it. */
  boolean tryLock(Object own) {
    return STATE.compareAndSet(this, null, own);
  }

  /**
   * Takes the lock, waiting where that must be, after {@link #tryLock} has failed.
   *
   * @param own the calling thread, or its context
   * @param interruptible whether an interrupt ends it; else it is kept for later
   * @param nanos how long to wait, or {@link #FOREVER}
   */
  Outcome lock(Object own, boolean interruptible, long nanos) {
    if (isHeldBy(own)) {
      return Outcome.ALREADY;
    }
    if (nanos <= 0) {
      return Outcome.TIMED_OUT;
    }
    if (mustDie(own)) {
      return Outcome.DEADLOCK;
    }
    Waiter waiter = new Waiter(own);
    reachDepth(STACK_DEPTH);
    Outcome outcome = null;
    try {
      enqueue(waiter);
      outcome = await(waiter, interruptible, nanos);
      return outcome;
    } finally {
      if (outcome == null) {
        abandon(waiter); // an error: nobody would ever take what is handed to this waiter
      }
    }
  }

  /**
   * Overflows the stack now if what follows could: before anything is linked, nothing is lost by
   * it.
   */
  private static int reachDepth(int depth) {
    return depth == 0 ? 0 : 1 + reachDepth(depth - 1);
  }

  private synchronized void abandon(Waiter waiter) {
    if (waiter.outcome == Outcome.ACQUIRED) {
      unlock(waiter.claim);
    } else if (waiter.outcome == null && (first == waiter || waiter.before != null)) {
      remove(waiter, Outcome.TIMED_OUT);
      settle();
    }
  }

  /** Rule CW7 of wait-die where it can be told without the queue. */
  private boolean mustDie(Object own) {
    return own instanceof WwContext context
        && context.reservationClass.isWaitDie()
        && context.holdsAny()
        && claim() instanceof WwContext holding
        && holding.isOlderThan(context);
  }

  private Outcome await(Waiter waiter, boolean interruptible, long nanos) {
    long start = nanos == FOREVER ? 0 : System.nanoTime();
    boolean interrupted = false;
    Outcome outcome = look(waiter);
    while (outcome == null) {
      long left = nanos == FOREVER ? FOREVER : nanos - (System.nanoTime() - start);
      if (interrupted && interruptible) {
        outcome = leave(waiter, Outcome.INTERRUPTED);
      } else if (left <= 0) {
        outcome = leave(waiter, Outcome.TIMED_OUT);
      } else {
        if (nanos == FOREVER) {
          LockSupport.park(this);
        } else {
          LockSupport.parkNanos(this, left);
        }
        interrupted |= Thread.interrupted();
        outcome = look(waiter);
      }
    }
    if (interrupted && outcome != Outcome.INTERRUPTED) {
      waiter.thread.interrupt(); // it came together with another outcome: kept for later
    }
    return outcome;
  }

  private synchronized void enqueue(Waiter waiter) {
    insert(waiter);
    Object holder = claim;
    if (waiter.outcome == null && STATE.getAcquire(this) == this && holder != null) {
      compare(waiter, holder); // with any other holder when it is marked
    }
    settle();
  }

  /** What a waiter does when it has queued, and whenever it wakes up. */
  private synchronized @Nullable Outcome look(Waiter waiter) {
    if (waiter.outcome != null) {
      return waiter.outcome;
    }
    if (waiter.exposed && waiter.context != null && waiter.context.wounded) {
      remove(waiter, Outcome.DEADLOCK);
    } else if (waiter == first && tryLock(waiter.claim)) {
      remove(waiter, Outcome.ACQUIRED);
    }
    settle();
    return waiter.outcome;
  }

  private synchronized Outcome leave(Waiter waiter, Outcome why) {
    if (waiter.outcome == null) {
      remove(waiter, why);
      settle();
    }
    return waiter.outcome == null ? why : waiter.outcome;
  }

  // ---- unlock ----

  /** Gives the lock back if this claim has it and nobody has asked to be woken. */
  boolean tryUnlock(Object own) {
    return STATE.compareAndSet(this, own, null);
  }

  /** Gives the lock back. The caller has checked that it has it. */
  void unlock(Object own) {
    if (!tryUnlock(own)) {
      reachDepth(STACK_DEPTH); // or a waiter could stay asleep
      LockSupport.unpark(release(own));
    }
  }

  /** Frees the lock or hands it over; returns whom to wake. */
  private synchronized @Nullable Thread release(Object own) {
    if (tryUnlock(own)) {
      return null; // the last waiter has left meanwhile, or one that was woken will look
    }
    Waiter next = first;
    if (next == null || claim != own) {
      throw new AssertionError("unlocked by somebody who doesn't have the lock");
    }
    if (next.wakeUps < PATIENCE) {
      next.wakeUps++;
      STATE.setRelease(this, null);
      CLAIM.setRelease(this, null);
    } else {
      // Its thread can't unlock before it has found the outcome, for which it needs the monitor.
      STATE.setRelease(this, next.claim);
      CLAIM.setRelease(this, null);
      remove(next, Outcome.ACQUIRED);
      settle();
    }
    return next.thread;
  }

  // ---- the queue; monitor held ----

  /** Restores the first two points of the invariant after any change. */
  private void settle() {
    while (true) {
      Object seen = STATE.getAcquire(this);
      if (first == null) {
        if (seen == this) {
          STATE.setRelease(this, claim); // the holder needs the monitor to change it: no race
          CLAIM.setRelease(this, null);
        }
        return;
      }
      if (seen == this) {
        return;
      }
      if (seen == null) {
        first.wakeUps++;
        LockSupport.unpark(first.thread);
        return;
      }
      CLAIM.setOpaque(this, seen); // before the CAS that publishes it; partner: claim()
      if (STATE.compareAndSet(this, seen, this)) {
        compareAll(seen);
      } else {
        CLAIM.setRelease(this, null); // came too late
      }
    }
  }

  /** Puts a waiter where its age belongs, or decides that it must not wait (rule CW8). */
  private void insert(Waiter waiter) {
    Waiter position = null; // behind the new one
    WwContext context = waiter.context;
    if (context != null) {
      boolean waitDie = context.reservationClass.isWaitDie();
      Waiter next;
      for (Waiter each = last; each != null; each = next) {
        next = each.before;
        if (each.context == null) {
          continue;
        }
        if (each.context.isOlderThan(context)) {
          if (waitDie && waiter.exposed) {
            waiter.outcome = Outcome.DEADLOCK; // it would have to when the other one has the lock
            return;
          }
          break;
        }
        if (waitDie && each.exposed) {
          kill(each);
        } else {
          position = each;
        }
      }
    }
    link(waiter, position);
  }

  private void compareAll(Object holder) {
    Waiter next;
    for (Waiter each = first; each != null; each = next) {
      next = each.behind;
      compare(each, holder);
    }
  }

  /** Rule CW7, for a waiter and the holder. */
  private void compare(Waiter waiter, Object holder) {
    if (waiter.exposed
        && waiter.context != null
        && holder instanceof WwContext holding
        && waiter.context.reservationClass.isWaitDie() == holding.isOlderThan(waiter.context)) {
      if (waiter.context.reservationClass.isWaitDie()) {
        kill(waiter);
      } else {
        wound(holding);
      }
    }
  }

  private void kill(Waiter waiter) {
    remove(waiter, Outcome.DEADLOCK);
    LockSupport.unpark(waiter.thread);
  }

  /**
   * The state is marked, so the holder can't end its context before the monitor is free. If it
   * waits for another lock it must look again: it finds the flag, or the permit to pass park().
   */
  private static void wound(WwContext holder) {
    holder.wounded = true;
    LockSupport.unpark(holder.owner);
  }

  private void link(Waiter waiter, @Nullable Waiter position) {
    Waiter before = position == null ? last : position.before;
    waiter.before = before;
    waiter.behind = position;
    if (before == null) {
      first = waiter;
    } else {
      before.behind = waiter;
    }
    if (position == null) {
      last = waiter;
    } else {
      position.before = waiter;
    }
  }

  private void remove(Waiter waiter, Outcome outcome) {
    if (waiter.before == null) {
      first = waiter.behind;
    } else {
      waiter.before.behind = waiter.behind;
    }
    if (waiter.behind == null) {
      last = waiter.before;
    } else {
      waiter.behind.before = waiter.before;
    }
    waiter.before = null;
    waiter.behind = null;
    waiter.outcome = outcome;
  }
}
