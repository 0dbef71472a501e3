package io.github.dmabuf4j;

import io.github.dmabuf4j.WwMutex.Outcome;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * The way to hold two or more reservations at once (design rule RL1), in any order, without
 * deadlock.
 *
 * <p><b>A set that is known</b> is locked by {@link #lockAll}, with room for fences by {@link
 * #prepareAll}; closing the context unlocks it in reverse order.
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="lock-all"}
 *
 * <p><b>A set that comes to light while locking</b> is locked in a {@link #run}: its body locks one
 * after the other, and is begun again from scratch where that met contention.
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="lock-run"}
 *
 * <p><b>By hand</b>, {@link #lock} takes one more. Where it would wait although this context holds
 * something and has to give way, it throws {@link DeadlockException}. The caller then calls {@link
 * #backOff()}, which unlocks everything, waits for the contended one with {@link #lockSlow()}, and
 * starts again, with the same context, which so gets older than the others.
 *
 * <p><b>Rule of waiting</b> (design rule RL2). Each context has a stamp, fixed when it begins; the
 * smaller, the older. Who gives way to whom is a matter of the {@link ReservationClass}: in the
 * default one an older context waits for a younger one, and a younger one backs off. A context that
 * holds nothing always waits. Hence no cycle of waits can close, whatever the orders, and the
 * oldest context always gets through.
 *
 * <p><b>The validator.</b> While it is on, a broken locking rule is a {@link LockdepException}.
 *
 * <p><b>Threads.</b> A context and what it holds belong to the thread that began it, virtual or
 * not; every method but {@link #reservationClass()} throws {@link IllegalStateException} on another
 * one. Misuse is an {@code IllegalStateException} that leaves everything as it was.
 *
 * <p>Source: struct ww_acquire_ctx, struct drm_exec; rules CW1 to CW8, CX1 to CX3.
 */
public final class AcquireContext extends WwContext implements AutoCloseable {
  AcquireContext(ReservationClass reservationClass, int expected) {
    super(reservationClass, expected);
  }

  /**
   * Begins a context for reservations of the {@link ReservationClass#DEFAULT} class.
   *
   * @return a new context of the calling thread, which holds nothing
   */
  public static AcquireContext begin() {
    return begin(ReservationClass.DEFAULT);
  }

  /**
   * Begins a context.
   *
   * @param reservationClass of the reservations it is for
   * @return a new context of the calling thread, which holds nothing
   */
  public static AcquireContext begin(ReservationClass reservationClass) {
    return new AcquireContext(Objects.requireNonNull(reservationClass, "reservationClass"), 8);
  }

  // ---- sets ----

  /** What to do with a reservation that is given twice, as that of several buffers may be. */
  public enum Duplicates {
    /** It is refused: {@link IllegalArgumentException}. */
    REFUSE,
    /** It is locked once; slots are reserved each time ({@code DRM_EXEC_IGNORE_DUPLICATES}). */
    IGNORE
  }

  /**
   * Locks a set of reservations of one class, in any order. The same one given several times is
   * locked once.
   *
   * @param reservations what to lock
   * @return a context that holds them all and is {@link #done()}; closing it unlocks them
   * @throws InterruptedException if the thread is interrupted before or while waiting; then nothing
   *     is held
   * @throws IllegalStateException if this thread holds one of them already, or they are of several
   *     classes; then nothing more is held
   */
  public static AcquireContext lockAll(Collection<Reservation> reservations)
      throws InterruptedException {
    return AcquireLoop.lock(reservations.toArray(Reservation[]::new), Duplicates.IGNORE, 0);
  }

  /**
   * Locks a set of reservations, as {@link #lockAll(Collection)} does.
   *
   * @param reservations what to lock
   * @return a context that holds them all and is {@link #done()}; closing it unlocks them
   * @throws InterruptedException if the thread is interrupted before or while waiting; then nothing
   *     is held
   * @throws IllegalStateException if this thread holds one of them already, or they are of several
   *     classes; then nothing more is held
   */
  public static AcquireContext lockAll(Reservation... reservations) throws InterruptedException {
    return AcquireLoop.lock(reservations, Duplicates.IGNORE, 0);
  }

  /**
   * Locks a set of reservations, as {@link #lockAll(Collection)} does, not interruptibly: an
   * interrupt is kept for later.
   *
   * @param reservations what to lock
   * @return a context that holds them all and is {@link #done()}; closing it unlocks them
   * @throws IllegalStateException if this thread holds one of them already, or they are of several
   *     classes; then nothing more is held
   */
  public static AcquireContext lockAllUninterruptibly(Collection<Reservation> reservations) {
    return AcquireLoop.lockUninterruptibly(reservations.toArray(Reservation[]::new));
  }

  /**
   * Locks a set of reservations and makes room in each, so that what follows can add fences without
   * failing ({@code drm_exec_prepare_array}). Each is to be given once.
   *
   * @param slots how many fences will be added to each, at least 1
   * @param reservations what to lock
   * @return a context that holds them all and is {@link #done()}; closing it unlocks them
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if the number of slots isn't positive, or one is given twice
   * @throws IllegalStateException as {@link #lockAll(Collection)} does; after any exception nothing
   *     is held
   */
  public static AcquireContext prepareAll(int slots, Reservation... reservations)
      throws InterruptedException {
    return AcquireLoop.prepare(reservations, Duplicates.REFUSE, slots);
  }

  /**
   * Locks a set of reservations and makes room in each, as {@link #prepareAll(int, Reservation...)}
   * does.
   *
   * @param duplicates what to do with one that is given twice
   * @param slots how many fences will be added for each time that a reservation is given, at least
   *     1
   * @param reservations what to lock
   * @return a context that holds them all and is {@link #done()}; closing it unlocks them
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if the number of slots isn't positive, or one is given twice
   *     and that is refused
   * @throws IllegalStateException as {@link #lockAll(Collection)} does; after any exception nothing
   *     is held
   */
  public static AcquireContext prepareAll(
      Duplicates duplicates, int slots, Collection<Reservation> reservations)
      throws InterruptedException {
    return AcquireLoop.prepare(reservations.toArray(Reservation[]::new), duplicates, slots);
  }

  // ---- bodies ----

  /**
   * What is done with a context and gives nothing back.
   *
   * @param <X> what it may throw
   */
  @FunctionalInterface
  public interface Body<X extends Exception> {
    /**
     * Locks what it needs, and uses it.
     *
     * @param context of the calling thread, to be locked with, and not to be closed
     * @throws X whatever goes wrong; everything is unlocked then
     * @throws InterruptedException if the thread is interrupted; everything is unlocked then
     */
    void run(AcquireContext context) throws X, InterruptedException;
  }

  /**
   * What is done with a context and has a result.
   *
   * @param <T> the result
   * @param <X> what it may throw
   */
  @FunctionalInterface
  public interface Computation<T extends @Nullable Object, X extends Exception> {
    /**
     * Locks what it needs, and uses it.
     *
     * @param context of the calling thread, to be locked with, and not to be closed
     * @return the result
     * @throws X whatever goes wrong; everything is unlocked then
     * @throws InterruptedException if the thread is interrupted; everything is unlocked then
     */
    T call(AcquireContext context) throws X, InterruptedException;
  }

  /**
   * Runs a body that locks with a context, again and again until no contention came between ({@code
   * drm_exec_until_all_locked}), then unlocks everything. Where {@link #lock} in the body throws
   * {@link DeadlockException}, everything is unlocked, the contended reservation is locked, and the
   * body begins from scratch (rule CX1). So what it does before it has locked everything must be
   * fit to be done twice; a body that catches the exception and returns is run again too.
   *
   * <p>A body that doesn't ask again for what was locked for it holds it nevertheless, to the end.
   *
   * @param <X> what the body may throw
   * @param body runs on this thread, under what it locks
   * @throws X what the body threw
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public static <X extends Exception> void run(Body<X> body) throws X, InterruptedException {
    AcquireLoop.run(ReservationClass.DEFAULT, body);
  }

  /**
   * Runs a body as {@link #run(Body)} does.
   *
   * @param <X> what the body may throw
   * @param reservationClass of the reservations that it locks
   * @param body runs on this thread, under what it locks
   * @throws X what the body threw
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public static <X extends Exception> void run(ReservationClass reservationClass, Body<X> body)
      throws X, InterruptedException {
    AcquireLoop.run(reservationClass, body);
  }

  /**
   * Runs a body as {@link #run(Body)} does, for its result.
   *
   * @param <T> the result
   * @param <X> what the body may throw
   * @param body runs on this thread, under what it locks
   * @return what the last round of the body gave
   * @throws X what the body threw
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public static <T extends @Nullable Object, X extends Exception> T call(Computation<T, X> body)
      throws X, InterruptedException {
    return AcquireLoop.call(ReservationClass.DEFAULT, body);
  }

  /**
   * Locks a set of reservations without blocking the caller, runs a body under them, and unlocks
   * them; for event loops. Locks belong to threads, and an event loop can't be the owner of what it
   * doesn't wait for: so all three happen on a virtual thread of their own, and the stage tells of
   * the result when everything is unlocked again.
   *
   * <p>Cancelling what is made from the stage stops nothing.
   *
   * @param <T> the result
   * @param reservations what to lock, copied before this returns
   * @param body runs on the virtual thread, under all of them; its context is {@link #done()}
   * @return a stage that completes with what the body gave or threw, or with what {@link
   *     #lockAll(Collection)} threw
   */
  public static <T extends @Nullable Object> CompletionStage<T> lockAllAsync(
      Collection<Reservation> reservations, Computation<T, ?> body) {
    Executor virtual = task -> Thread.ofVirtual().name("lockAllAsync").start(task);
    return lockAllAsync(reservations, virtual, body);
  }

  /**
   * Locks a set of reservations and runs a body under them, as {@link #lockAllAsync(Collection,
   * Computation)} does, on a thread of an executor, which waits for the locks. It must not be the
   * only thread of tasks that the holders of these locks wait for.
   *
   * @param <T> the result
   * @param reservations what to lock, copied before this returns
   * @param executor where to wait and to run
   * @param body runs under all of them; its context is {@link #done()}
   * @return a stage that completes with what the body gave or threw, with what {@link
   *     #lockAll(Collection)} threw, or with the refusal of the executor
   */
  public static <T extends @Nullable Object> CompletionStage<T> lockAllAsync(
      Collection<Reservation> reservations, Executor executor, Computation<T, ?> body) {
    return AcquireLoop.async(reservations.toArray(Reservation[]::new), executor, body);
  }

  // ---- one after the other ----

  /**
   * Locks one more reservation, waiting where this context doesn't have to give way.
   *
   * @param reservation what to lock
   * @return true if it is locked now, false if this context held it already (EALREADY, design rule
   *     RL3)
   * @throws DeadlockException if this context holds others and has to give way: call {@link
   *     #backOff()}, or let it pass to {@link #run}
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if called by another thread, after {@link #done()} or {@link
   *     #close()}, or instead of {@link #backOff()}; or if the reservation is of another class, or
   *     held by this thread without this context
   */
  public boolean lock(Reservation reservation) throws InterruptedException {
    return interruptibly(acquire(reservation, true));
  }

  /**
   * Locks one more reservation, as {@link #lock} does, not interruptibly: an interrupt is kept for
   * later.
   *
   * @param reservation what to lock
   * @return true if it is locked now, false if this context held it already
   * @throws DeadlockException as {@link #lock} does
   * @throws IllegalStateException as {@link #lock} does
   */
  public boolean lockUninterruptibly(Reservation reservation) {
    return decided(acquire(reservation, false));
  }

  /**
   * Locks one more reservation if nobody has it. Never waits, hence never has to give way: good for
   * scans that pass by what is busy.
   *
   * @param reservation what to lock
   * @return true if it is locked now, false if somebody held it already, be it this context
   * @throws IllegalStateException as {@link #lock} does
   */
  public boolean tryLock(Reservation reservation) {
    return tryAcquire(reservation);
  }

  /**
   * Locks one more reservation and makes room in it ({@code drm_exec_prepare_obj}). Where making
   * room fails it is unlocked again if this call has locked it (rule CX2).
   *
   * @param reservation what to lock
   * @param slots how many more fences will be added, at least 1
   * @return true if it is locked now, false if this context held it already; room is made either
   *     way
   * @throws DeadlockException as {@link #lock} does
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if the number of slots isn't positive or too large
   * @throws IllegalStateException as {@link #lock} does
   */
  public boolean prepare(Reservation reservation, int slots) throws InterruptedException {
    boolean fresh = lock(reservation);
    try {
      reservation.reserve(slots);
    } catch (RuntimeException | Error e) {
      if (fresh) {
        unlock(reservation);
      }
      throw e;
    }
    return fresh;
  }

  /**
   * Unlocks one reservation (rule CX3). Others may be locked afterwards: it is the age of the
   * context that prevents deadlock, not that it only grows.
   *
   * @param reservation what to unlock
   * @throws IllegalStateException if called by another thread, or this context doesn't hold it, or
   *     native code that the thread came from is inside a segment of {@link DmaBuf#vmapLocked}:
   *     then it stays locked
   */
  public void unlock(Reservation reservation) {
    release(reservation);
  }

  // ---- the slow path ----

  /**
   * Unlocks everything after a {@link DeadlockException} (rule CW3); what was contended waits for
   * {@link #lockSlow()}.
   *
   * @throws IllegalStateException if there was no contention, or called by another thread, or, as
   *     {@link #unlock} says, native code is inside a segment: then all stay locked
   */
  public void backOff() {
    releaseContended();
  }

  /**
   * Waits for the reservation whose contention made this context back off (rule CW4).
   *
   * @throws InterruptedException if the thread is interrupted before or while waiting; may be
   *     called again then
   * @throws IllegalStateException if there was no contention, something is still held, or called by
   *     another thread
   */
  public void lockSlow() throws InterruptedException {
    interruptibly(acquireSlow(true));
  }

  /**
   * Waits for the contended reservation, as {@link #lockSlow()} does, not interruptibly: an
   * interrupt is kept for later. Cannot fail but for misuse (rule CW4).
   *
   * @throws IllegalStateException as {@link #lockSlow()} does
   */
  public void lockSlowUninterruptibly() {
    decided(acquireSlow(false));
  }

  // ---- the end ----

  /**
   * Declares that nothing more will be locked (rule CW6).
   *
   * @throws IllegalStateException if called by another thread
   */
  public void done() {
    finish();
  }

  /**
   * What this context holds.
   *
   * @return an unmodifiable copy, in the order of locking
   * @throws IllegalStateException if called by another thread
   */
  public List<Reservation> held() {
    return snapshot();
  }

  /**
   * The class of what this context locks.
   *
   * @return the same at each call
   */
  public ReservationClass reservationClass() {
    return reservationClass;
  }

  /**
   * Unlocks everything in reverse order (rule CX3), also after contention. Closing again does
   * nothing.
   *
   * @throws IllegalStateException if called by another thread, or, as {@link #unlock} says, native
   *     code is inside a segment: then all stay locked, and this stays open
   */
  @Override
  public void close() {
    end();
  }

  // ---- outcomes as exceptions ----

  private boolean interruptibly(Outcome outcome) throws InterruptedException {
    if (outcome == Outcome.INTERRUPTED) {
      throw new InterruptedException();
    }
    return decided(outcome);
  }

  private boolean decided(Outcome outcome) {
    if (outcome == Outcome.DEADLOCK) {
      throw new DeadlockException(
          "lock",
          "an older context has " + contended() + " or waits for what this one holds: back off");
    }
    return outcome == Outcome.ACQUIRED;
  }
}
