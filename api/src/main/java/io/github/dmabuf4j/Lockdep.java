package io.github.dmabuf4j;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The validator: turns a broken locking rule into an exception at the first call that breaks it.
 * Off by default, and then free: the JIT drops the checks. Switched on with {@code
 * -Ddmabuf4j.validate=true}, as in every test of this project.
 *
 * <p>What it checks:
 *
 * <ul>
 *   <li>two reservations without an {@link AcquireContext}, a second context, or a context beside a
 *       plain lock (design rule RL1, rules CW1, CW5);
 *   <li>a reservation taken, or an allocation that may reclaim, inside a {@link Signalling} section
 *       (design rule FN4);
 *   <li>a segment of {@link ArenaKind#POOL} used after its hold was closed: it gets a shared arena
 *       instead (design rule VM4).
 * </ul>
 *
 * <p><b>Threads.</b> What is recorded is recorded per thread.
 *
 * <p>Source: Documentation/locking/lockdep-design.rst; dma_resv_lockdep in
 * drivers/dma-buf/dma-resv.c.
 */
public final class Lockdep {
  /** The system property that switches the validator on. */
  public static final String PROPERTY = "dmabuf4j.validate";

  private static final boolean ENABLED = Boolean.getBoolean(PROPERTY);

  /** What a thread holds now; only touched while enabled, and removed when it holds nothing. */
  private static final ThreadLocal<@Nullable Held> HELD = new ThreadLocal<>();

  private static final class Held {
    final List<Reservation> reservations = new ArrayList<>();
    int contexts;
    int signalling;

    boolean isEmpty() {
      return reservations.isEmpty() && contexts == 0 && signalling == 0;
    }
  }

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
   * To be called by allocators before an allocation that may reclaim or wait for other users of the
   * heap.
   *
   * @param operation what is about to happen, for the message
   * @throws IllegalStateException if the validator is on and the thread is in a {@link Signalling}
   *     section
   */
  public static void mayReclaim(String operation) {
    if (ENABLED) {
      refuseInSignalling(operation);
    }
  }

  /** A plain lock waits: with others held it could close a cycle. */
  static void beforeLock(Reservation reservation) {
    if (ENABLED) {
      refuseInSignalling("taking " + reservation);
      refuseWhileHolding("taking " + reservation + " without an acquire context");
    }
  }

  static void beforeLockInContext(Reservation reservation) {
    if (ENABLED) {
      refuseInSignalling("taking " + reservation);
    }
  }

  static void locked(Reservation reservation) {
    if (ENABLED) {
      held().reservations.add(reservation);
    }
  }

  static void unlocked(Reservation reservation) {
    if (ENABLED) {
      Held held = held();
      held.reservations.remove(reservation);
      forgetIfEmpty(held);
    }
  }

  /** One context per thread at a time, and none beside a plain lock (rules CW1, CW5). */
  static void contextBegun() {
    if (ENABLED) {
      Held held = HELD.get();
      if (held != null && held.contexts > 0) {
        throw new IllegalStateException(
            "lockdep: beginning a second acquire context on this thread: lock everything with one");
      }
      refuseWhileHolding("beginning an acquire context");
      held().contexts++;
    }
  }

  static void contextEnded() {
    if (ENABLED) {
      Held held = held();
      held.contexts--;
      forgetIfEmpty(held);
    }
  }

  static void signallingBegun() {
    held().signalling++;
  }

  static void signallingEnded() {
    Held held = held();
    held.signalling--;
    forgetIfEmpty(held);
  }

  private static void refuseWhileHolding(String operation) {
    Held held = HELD.get();
    if (held != null && !held.reservations.isEmpty()) {
      throw new IllegalStateException(
          "lockdep: %s while holding %s: use AcquireContext.lockAll or a Job for several buffers"
              .formatted(operation, held.reservations));
    }
  }

  private static void refuseInSignalling(String operation) {
    Held held = HELD.get();
    if (held != null && held.signalling > 0) {
      throw new IllegalStateException(
          "lockdep: %s inside a signalling section: whoever holds the reservation or reclaims may wait for the fence this section is to signal. Do it before the fence is published"
              .formatted(operation));
    }
  }

  private static Held held() {
    Held held = HELD.get();
    if (held == null) {
      held = new Held();
      HELD.set(held);
    }
    return held;
  }

  private static void forgetIfEmpty(Held held) {
    if (held.isEmpty()) {
      HELD.remove();
    }
  }
}
