package io.github.dmabuf4j;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The way to hold two or more reservations at once (design rule RL1), in any order, without
 * deadlock.
 *
 * <p>What people use is {@link #lockAll}: it locks a set, and closing the context unlocks it in
 * reverse order.
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="lock-all"}
 *
 * <p>Where the set isn't known from the start, {@link #lock} takes one more. It never waits while
 * the context holds something: where it would have to, it throws {@link DeadlockException}. The
 * caller then calls {@link #backOff()}, which unlocks everything, takes the contended one with
 * {@link #lockSlow()}, and starts again.
 *
 * <p><b>Invariant.</b> A thread waits for a reservation only while its context holds none, or, in
 * {@link #lockAll}, only ones with lower numbers. Hence no cycle of waits can close.
 *
 * <p><b>Threads.</b> A context and what it holds belong to the thread that began it.
 *
 * <p>Source: struct ww_acquire_ctx, struct drm_exec; rules CW1 to CW6, CX1 to CX3.
 */
public final class AcquireContext implements AutoCloseable {
  private static final Comparator<Reservation> BY_ID =
      Comparator.comparingLong(reservation -> reservation.id);

  private final Thread owner = Thread.currentThread();
  private final List<Reservation> held;
  private @Nullable Reservation contended;
  private boolean done;
  private boolean closed;

  private AcquireContext(int expected) {
    Lockdep.contextBegun();
    held = new ArrayList<>(expected);
  }

  /**
   * Begins a context that holds nothing.
   *
   * @return a new context of the calling thread
   */
  public static AcquireContext begin() {
    return new AcquireContext(4);
  }

  /**
   * Locks a set of reservations. The same one given several times is locked once.
   *
   * @param reservations what to lock
   * @return a context that holds them all; closing it unlocks them
   * @throws InterruptedException if the thread is interrupted before or while waiting; then nothing
   *     is held
   */
  public static AcquireContext lockAll(Collection<Reservation> reservations)
      throws InterruptedException {
    return lockInOrder(reservations.toArray(Reservation[]::new));
  }

  /** Takes over the array. */
  static AcquireContext lockInOrder(Reservation[] reservations) throws InterruptedException {
    Arrays.sort(reservations, BY_ID);
    AcquireContext context = new AcquireContext(reservations.length);
    try {
      for (int i = 0; i < reservations.length; i++) {
        if (i == 0 || reservations[i] != reservations[i - 1]) {
          reservations[i].lockInContext();
          context.held.add(reservations[i]);
        }
      }
      context.done = true;
      return context;
    } catch (InterruptedException | RuntimeException | Error e) {
      context.close();
      throw e;
    }
  }

  /**
   * Locks a set of reservations, as {@link #lockAll(Collection)} does.
   *
   * @param reservations what to lock
   * @return a context that holds them all; closing it unlocks them
   * @throws InterruptedException if the thread is interrupted before or while waiting; then nothing
   *     is held
   */
  public static AcquireContext lockAll(Reservation... reservations) throws InterruptedException {
    return lockInOrder(reservations.clone());
  }

  /**
   * Locks one more reservation. Waits only if this context holds nothing yet.
   *
   * @param reservation what to lock
   * @return true if it is locked now, false if this context held it already (EALREADY, design rule
   *     RL3)
   * @throws DeadlockException if somebody has it and this context holds others: call {@link
   *     #backOff()}
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if called by another thread, after {@link #done()}, or instead of
   *     {@link #backOff()}
   */
  public boolean lock(Reservation reservation) throws InterruptedException {
    checkMayLock();
    if (held.contains(reservation)) {
      return false;
    }
    if (held.isEmpty()) {
      reservation.lockInContext();
    } else if (!reservation.tryLock()) {
      contended = reservation;
      throw new DeadlockException(
          "lock",
          "somebody holds %s and this context holds %s: back off".formatted(reservation, held));
    }
    held.add(reservation);
    return true;
  }

  /**
   * Unlocks everything after a {@link DeadlockException} (rule CW3); what was contended waits for
   * {@link #lockSlow()}.
   *
   * @throws IllegalStateException if there was no contention
   */
  public void backOff() {
    checkOwner();
    if (contended == null) {
      throw new IllegalStateException(
          "back off without contention: only a DeadlockException asks for it");
    }
    unlockAll();
  }

  /**
   * Waits for the reservation whose contention made this context back off (rule CW4).
   *
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if there was no contention, or something is still held
   */
  public void lockSlow() throws InterruptedException {
    checkOwner();
    Reservation reservation = contended;
    if (reservation == null || !held.isEmpty()) {
      throw new IllegalStateException(
          reservation == null
              ? "slow path without contention: it is legal only after a DeadlockException"
              : "slow path while holding " + held + ": call backOff() first");
    }
    reservation.lockInContext();
    contended = null;
    held.add(reservation);
  }

  /**
   * Declares that nothing more will be locked (rule CW6).
   *
   * @throws IllegalStateException if called by another thread
   */
  public void done() {
    checkOwner();
    done = true;
  }

  /**
   * What this context holds.
   *
   * @return an unmodifiable copy, in the order of locking
   */
  public List<Reservation> held() {
    return List.copyOf(held);
  }

  /**
   * Unlocks everything in reverse order. Closing again does nothing.
   *
   * @throws IllegalStateException if called by another thread
   */
  @Override
  public void close() {
    checkOwner();
    if (!closed) {
      closed = true;
      done = true;
      contended = null;
      try {
        unlockAll();
      } finally {
        Lockdep.contextEnded();
      }
    }
  }

  /** Unlocks all of them, even if one was unlocked behind this context's back. */
  private void unlockAll() {
    RunAll steps = new RunAll();
    while (!held.isEmpty()) {
      steps.run(held.removeLast()::unlock);
    }
    steps.finish();
  }

  private void checkMayLock() {
    checkOwner();
    if (done) {
      throw new IllegalStateException(
          "this acquire context is done: nothing more may be locked with it");
    }
    if (contended != null) {
      throw new IllegalStateException(
          contended + " was contended: call backOff() and lockSlow() first");
    }
  }

  private void checkOwner() {
    if (Thread.currentThread() != owner) {
      throw new IllegalStateException(
          "an acquire context belongs to the thread that began it, %s, not to %s"
              .formatted(owner, Thread.currentThread()));
    }
  }
}
