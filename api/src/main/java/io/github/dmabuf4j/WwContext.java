package io.github.dmabuf4j;

import io.github.dmabuf4j.WwMutex.Outcome;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What the locks know about an {@link AcquireContext}: how old it is, and whether it holds any of
 * them ({@code struct ww_acquire_ctx}); and the protocol of its calls.
 *
 * <p><b>Invariant.</b> {@code held[0..count)} are the reservations whose lock has this context as
 * its claim, in the order of locking, no matter how a call ends. {@code contended} is the one at
 * which this context was told to back off, until the slow path has taken it: between the two
 * nothing can be locked.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th></tr>
 * <tr><td>owner, reservationClass, stamp</td><td>final</td><td>final</td></tr>
 * <tr><td>wounded</td><td>volatile, by the owner</td><td>volatile: set by whoever holds the monitor of a lock that this context
 *   has, cleared by the owner while it has none</td></tr>
 * <tr><td>all others</td><td>owner</td><td>owner</td></tr>
 * </table>
 */
abstract sealed class WwContext permits AcquireContext {
  private static final AtomicLong STAMPS = new AtomicLong();

  final Thread owner = Thread.currentThread();
  final ReservationClass reservationClass;

  /** An older context waits for one of ours: this one gives way where it would have to wait. */
  volatile boolean wounded;

  private final long stamp = STAMPS.getAndIncrement();
  private @Nullable Reservation[] held;
  private int count;
  private @Nullable Reservation contended;

  /** Taken by the slow path for a body that is to ask for it; counts as not held until then. */
  private @Nullable Reservation prelocked;

  private boolean done;
  private boolean closed;

  WwContext(ReservationClass reservationClass, int expected) {
    this.reservationClass = reservationClass;
    held = new Reservation[expected];
    Lockdep.contextBegun(reservationClass);
  }

  final boolean isOlderThan(WwContext other) {
    return stamp < other.stamp;
  }

  /** Whether somebody could wait for this context. For its own thread. */
  final boolean holdsAny() {
    return count > 0;
  }

  final @Nullable Reservation contended() {
    return contended;
  }

  final List<Reservation> snapshot() {
    checkOwner();
    return List.of(Arrays.copyOf(held, count));
  }

  // ---- lock ----

  /** As {@link AcquireContext#tryLock}. */
  final boolean tryAcquire(Reservation reservation) {
    checkMayLock();
    checkMayLock(reservation);
    ensureCapacity();
    if (reservation.mutex.tryLock(this)) {
      locked(reservation);
      return true;
    }
    return takePrelocked(reservation);
  }

  /** Takes one, or says why not. */
  final Outcome acquire(Reservation reservation, boolean interruptible) {
    checkMayLock();
    checkMayLock(reservation);
    ensureCapacity();
    if (interruptible && Thread.interrupted()) {
      return Outcome.INTERRUPTED;
    }
    if (reservation.mutex.tryLock(this)) {
      locked(reservation);
      return Outcome.ACQUIRED;
    }
    return takePrelocked(reservation)
        ? Outcome.ACQUIRED
        : acquireContended(reservation, interruptible);
  }

  /**
   * Takes as many of a set as nobody has, up to the first that somebody does.
   *
   * @return where that is, from {@code first} on
   */
  final int acquireFree(Reservation[] set, int first) {
    checkMayLock();
    int i = first;
    while (i < set.length) {
      Reservation reservation = set[i];
      checkMayLock(reservation);
      ensureCapacity();
      if (!reservation.mutex.tryLock(this)) {
        break;
      }
      locked(reservation);
      i++;
    }
    return i;
  }

  private Outcome acquireContended(Reservation reservation, boolean interruptible) {
    if (!reservation.mutex.isHeldBy(this)) {
      reservation.checkNotHeld(); // by this thread without this context
    }
    Outcome outcome = lockContended(reservation, interruptible);
    if (outcome == Outcome.ACQUIRED) {
      locked(reservation);
    } else if (outcome == Outcome.DEADLOCK) {
      contended = reservation;
    }
    return outcome;
  }

  private Outcome lockContended(Reservation reservation, boolean interruptible) {
    Lockdep.beforeWait(reservation, true);
    try {
      return reservation.mutex.lock(this, interruptible, WwMutex.FOREVER);
    } finally {
      Lockdep.afterWait();
    }
  }

  private boolean takePrelocked(Reservation reservation) {
    if (prelocked != reservation) {
      return false;
    }
    prelocked = null;
    return true;
  }

  private void locked(Reservation reservation) {
    held[count++] = reservation;
    Lockdep.locked(reservation);
  }

  /** Before a lock is taken: nothing may fail between taking it and writing it down. */
  private void ensureCapacity() {
    if (count == held.length) {
      held = Arrays.copyOf(held, 2 * count + 1);
    }
  }

  // ---- the slow path ----

  /** As {@link AcquireContext#backOff}. */
  final void releaseContended() {
    checkOwner();
    if (contended == null) {
      throw new IllegalStateException(
          "back off without contention: only a DeadlockException asks for it");
    }
    endSegments();
    releaseAll();
  }

  /** As {@link AcquireContext#lockSlow}. */
  final Outcome acquireSlow(boolean interruptible) {
    checkOwner();
    Reservation reservation = contended;
    if (reservation == null || count > 0) {
      throw new IllegalStateException(
          reservation == null
              ? "slow path without contention: it is legal only after a DeadlockException"
              : "slow path while holding " + snapshot() + ": call backOff() first");
    }
    contended = null;
    Outcome outcome = null;
    try {
      outcome = acquire(reservation, interruptible);
    } finally {
      if (outcome != Outcome.ACQUIRED) {
        contended = reservation;
      }
    }
    return outcome;
  }

  /** Unlocks everything and takes the contended one, which then counts as not asked for yet. */
  final Outcome retry(boolean interruptible) {
    releaseContended();
    Reservation reservation = contended;
    Outcome outcome = acquireSlow(interruptible);
    prelocked = outcome == Outcome.ACQUIRED ? reservation : null;
    return outcome;
  }

  // ---- unlock ----

  /** As {@link AcquireContext#unlock}. */
  final void release(Reservation reservation) {
    checkOwner();
    int i = count - 1;
    while (i >= 0 && held[i] != reservation) {
      i--;
    }
    if (i < 0) {
      throw new IllegalStateException(
          "wanted one of %s to unlock, which this context holds, got %s"
              .formatted(snapshot(), reservation));
    }
    reservation.endSegments(); // where this is refused, it is still held
    takePrelocked(reservation);
    System.arraycopy(held, i + 1, held, i, --count - i);
    held[count] = null;
    reservation.unlock(this);
    clearWound();
  }

  /** The part of unlocking them all that can be refused: then all of them are still held. */
  private void endSegments() {
    for (int i = count - 1; i >= 0; i--) {
      Objects.requireNonNull(held[i]).endSegments();
    }
  }

  /** Unlocks all of them, whatever the validator has to say about one. */
  private void releaseAll() {
    prelocked = null;
    RunAll failures = null;
    while (count > 0) {
      try {
        Reservation reservation = Objects.requireNonNull(held[--count]);
        held[count] = null; // a reservation may keep this context for a while
        reservation.unlock(this);
      } catch (Throwable e) {
        failures = failures == null ? new RunAll() : failures;
        failures.failed(e);
      }
    }
    clearWound();
    if (failures != null) {
      failures.finish();
    }
  }

  /** While nothing is held nobody waits for this context, so nobody sets it. */
  private void clearWound() {
    if (count == 0 && wounded) {
      wounded = false;
    }
  }

  // ---- the end ----

  /** As {@link AcquireContext#done}. */
  final void finish() {
    checkOwner();
    done = true;
  }

  /** As {@link AcquireContext#close}. */
  final void end() {
    checkOwner();
    if (closed) {
      return;
    }
    endSegments();
    closed = true;
    contended = null;
    try {
      releaseAll();
    } finally {
      Lockdep.contextEnded(reservationClass);
    }
  }

  private void checkMayLock() {
    checkOwner();
    if (done || closed || contended != null) {
      throw new IllegalStateException(
          contended != null
              ? contended + " was contended: call backOff() and lockSlow() first"
              : "this acquire context is %s: nothing more may be locked with it"
                  .formatted(closed ? "closed" : "done"));
    }
  }

  private void checkMayLock(Reservation reservation) {
    if (reservation.reservationClass() != reservationClass) {
      throw new IllegalStateException(
          "wanted a reservation of %s, got %s of %s: begin another context for it"
              .formatted(reservationClass, reservation, reservation.reservationClass()));
    }
    Lockdep.beforeLockInContext(reservation);
  }

  private void checkOwner() {
    if (Thread.currentThread() != owner) {
      throw new IllegalStateException(
          "an acquire context belongs to the thread that began it, %s, not to %s"
              .formatted(owner, Thread.currentThread()));
    }
  }
}
