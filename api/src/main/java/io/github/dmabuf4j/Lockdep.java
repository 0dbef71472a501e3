package io.github.dmabuf4j;

import io.github.dmabuf4j.LockdepException.Rule;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The validator: turns a broken locking rule into a {@link LockdepException} at the first call that
 * breaks it, whether or not it deadlocks this time. Off by default, and then free: the JIT drops
 * the checks. Switched on with {@code -Ddmabuf4j.validate=true}, as in every test of this project.
 *
 * <p>What it checks:
 *
 * <ul>
 *   <li>the order in which {@linkplain LockClass classes of locks} are taken, by any threads at any
 *       time. Reservations, fences and reclaim take part: to wait for a fence is to take one, to be
 *       in a {@link Signalling} section is to hold one, to allocate with a policy that may reclaim
 *       is to take reclaim. Contract is known from the start: fences may be waited for with
 *       reservations held and in reclaim (design rule FN3), so a reservation taken in a signalling
 *       section, or an allocation there, could deadlock and is reported (design rule FN4); so are
 *       waits for a client, for a submission or a turn in a {@link BufferQueue};
 *   <li>two reservations without an {@link AcquireContext}, a second context, or a context beside a
 *       plain lock (design rule RL1, rules CW1, CW5);
 *   <li>blocking in a fence callback, in the operations of a fence context, or in an exporter's
 *       release (design rule FN2);
 *   <li>a closure, job body or callback that returns with something held that it took;
 *   <li>threads that wait for each other right now, see {@link WaitGraph};
 *   <li>a segment of {@link ArenaKind#POOL} used after its hold was closed: it gets a shared arena
 *       instead (design rule VM4).
 * </ul>
 *
 * <p><b>Threads.</b> What is held is recorded per thread, virtual or not; the order of classes for
 * all of them.
 *
 * <p>Source: Documentation/locking/lockdep-design.rst; dma_resv_lockdep in
 * drivers/dma-buf/dma-resv.c.
 */
public final class Lockdep {
  /** The system property that switches the validator on. */
  public static final String PROPERTY = "dmabuf4j.validate";

  private static final boolean ENABLED = Boolean.getBoolean(PROPERTY);

  private static final AtomicLong REPORTS = new AtomicLong();

  private Lockdep() {}

  /**
   * Whether the validator is on.
   *
   * @return the same at each call
   */
  public static boolean isEnabled() {
    return ENABLED;
  }

  /**
   * How often a rule was broken so far. An exception thrown in a callback or on an executor may
   * reach nobody; a test that ends with the same number as it began has seen a clean run.
   *
   * @return the number of {@link LockdepException}s made in this process
   */
  public static long reports() {
    return REPORTS.get();
  }

  static void reported() {
    REPORTS.incrementAndGet();
  }

  /**
   * To be called by allocators before an allocation that may reclaim or wait for other users of the
   * heap.
   *
   * @param operation what is about to happen, for the message
   * @throws LockdepException if the validator is on and the thread is in a {@link Signalling}
   *     section, in reclaim, or in a callback
   */
  public static void mayReclaim(String operation) {
    if (ENABLED) {
      HeldLocks held = HeldLocks.currentOrNull();
      if (held != null) {
        held.mayBlock(operation);
        LockOrder.check(held, LockClass.RECLAIM, operation);
      }
    }
  }

  // ---- locks ----

  /** A plain lock waits: with others of the class held it could close a cycle. */
  static void beforeLock(Reservation reservation) {
    HeldLocks held = ENABLED ? HeldLocks.currentOrNull() : null;
    if (held != null) {
      refuseWhileHolding(
          held,
          reservation.reservationClass(),
          Rule.SECOND_RESERVATION,
          "taking " + reservation + " without an acquire context");
      beforeLockInContext(reservation);
    }
  }

  static void beforeLockInContext(Reservation reservation) {
    HeldLocks held = ENABLED ? HeldLocks.currentOrNull() : null;
    if (held != null) {
      String operation = "taking " + reservation;
      held.mayBlock(operation);
      LockOrder.checkNested(held, reservation.reservationClass().validated, operation);
    }
  }

  static void locked(Reservation reservation) {
    if (ENABLED) {
      HeldLocks.current().add(reservation.reservationClass().validated, reservation);
    }
  }

  static void unlocked(Reservation reservation) {
    if (ENABLED) {
      HeldLocks.current().remove(reservation.reservationClass().validated, reservation);
    }
  }

  /** One context per thread and class at a time, and none beside a plain lock (CW1, CW5). */
  static void contextBegun(ReservationClass reservationClass) {
    if (ENABLED) {
      HeldLocks held = HeldLocks.current();
      if (held.hasContext(reservationClass)) {
        throw new LockdepException(
            Rule.SECOND_CONTEXT,
            "beginning a second acquire context of %s on this thread: lock everything with one"
                .formatted(reservationClass));
      }
      refuseWhileHolding(
          held, reservationClass, Rule.SECOND_CONTEXT, "beginning an acquire context");
      held.contextBegun(reservationClass);
    }
  }

  static void contextEnded(ReservationClass reservationClass) {
    if (ENABLED) {
      HeldLocks.current().contextEnded(reservationClass);
    }
  }

  private static void refuseWhileHolding(
      HeldLocks held, ReservationClass reservationClass, Rule rule, String operation) {
    List<Object> reservations = held.locksOf(reservationClass.validated);
    if (!reservations.isEmpty()) {
      throw new LockdepException(
          rule,
          "%s while holding %s: use AcquireContext.lockAll or a Job for several buffers"
              .formatted(operation, reservations));
    }
  }

  // ---- waits ----

  /** Whether or not it has to wait this time: the fence may not have signaled the next time. */
  static void mayWait(Fence fence) {
    if (ENABLED) {
      HeldLocks held = HeldLocks.currentOrNull();
      if (held != null) {
        String operation = "waiting for " + fence;
        held.mayBlock(operation);
        // A signalling section may wait for fences that come before its own.
        LockOrder.checkNested(held, LockClass.FENCE, operation);
      }
    }
  }

  /** Whoever is to submit may take reservations first, reclaim, and wait for fences (rule CS7). */
  static void mayWaitForSubmission(Object what) {
    HeldLocks held = ENABLED ? HeldLocks.currentOrNull() : null;
    if (held != null) {
      String operation = "waiting for the submission of " + what;
      held.mayBlock(operation);
      LockOrder.check(held, LockClass.SUBMISSION, operation);
    }
  }

  /** So may whoever is to give the queue its next buffer. */
  static void mayWaitForTurn(String turn) {
    HeldLocks held = ENABLED ? HeldLocks.currentOrNull() : null;
    if (held != null) {
      String operation = "waiting for " + turn;
      held.mayBlock(operation);
      LockOrder.check(held, LockClass.TURN, operation);
    }
  }

  /**
   * A thread waits from here to {@link #afterWait}.
   *
   * @param target a fence or reservation, or in words what else
   * @param backsOff whether the wait ends by itself where it would close a cycle of such waits
   */
  static void beforeWait(Object target, boolean backsOff) {
    if (ENABLED) {
      HeldLocks held = HeldLocks.current();
      held.waitBegun(new HeldLocks.Wait(target, backsOff));
      try {
        WaitGraph.refuseCycleOf(held);
      } catch (RuntimeException | Error e) {
        held.waitEnded();
        throw e;
      }
    }
  }

  static void afterWait() {
    if (ENABLED) {
      HeldLocks.current().waitEnded();
    }
  }

  // ---- bodies and callbacks ----

  /** What the thread holds before it runs a body, for {@link #checkNothingLeft}. */
  static int mark() {
    HeldLocks held = ENABLED ? HeldLocks.currentOrNull() : null;
    return held == null ? 0 : held.mark();
  }

  /** A body has returned: what it took it must have given back. */
  static void checkNothingLeft(int mark, String body, Object subject) {
    HeldLocks held = ENABLED ? HeldLocks.currentOrNull() : null;
    if (held != null) {
      held.checkNothingLeft(mark, body, subject);
    }
  }

  /** Runs a callback that must not block, and must give back what it takes. */
  static void inCallback(String name, Object subject, Runnable callback) {
    if (!ENABLED) {
      callback.run();
      return;
    }
    HeldLocks held = HeldLocks.current();
    held.callbackBegun(name + " " + subject);
    int mark = held.mark();
    try {
      callback.run();
      held.checkNothingLeft(mark, name, subject);
    } finally {
      held.callbackEnded();
    }
  }
}
