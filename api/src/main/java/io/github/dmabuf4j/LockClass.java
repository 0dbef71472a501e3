package io.github.dmabuf4j;

import java.util.Objects;

/**
 * All locks that play the same part, for {@link Lockdep}: it learns in which order classes are
 * taken, from any thread at any time, and reports the first order that could deadlock with those
 * seen before, whether or not it does ({@code struct lock_class_key}).
 *
 * <p>Reservations, fences and reclaim have classes already. An application that holds locks of its
 * own while it calls this library, or takes them in callbacks, jobs or exporters, tells of them:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="lock-class"}
 *
 * <p>Free while the validator is off. A class is made once, in a static field; it is never dropped.
 *
 * <p><b>Threads.</b> Any; what a thread acquired it must release itself.
 */
public final class LockClass {
  /** To be in a {@link Signalling} section is to hold it, to wait for a fence is to take it. */
  static final LockClass FENCE =
      new LockClass("fence", "in a signalling section", "waits for a fence");

  /** To reclaim is to hold it, to allocate with a policy that may reclaim is to take it. */
  static final LockClass RECLAIM =
      new LockClass("reclaim", "reclaiming", "allocates with a policy that may reclaim");

  /** To be on the way to submit a {@link SyncPoint} is to hold it (rule CS7). */
  static final LockClass SUBMISSION =
      new LockClass(
          "submission", "on the way to submit a point", "waits for a point to be submitted");

  /** To be on the way to give a buffer to a {@link BufferQueue} is to hold it. */
  static final LockClass TURN =
      new LockClass(
          "turn", "on the way to give a buffer to a queue", "waits for its turn in a buffer queue");

  private final String name;
  private final String holding;
  private final String takes;

  private LockClass(String name, String holding, String takes) {
    this.name = name;
    this.holding = holding;
    this.takes = takes;
  }

  /**
   * Makes a class of locks.
   *
   * @param name what the locks guard, in reports
   * @return a new class, different from all others of the same name
   */
  public static LockClass named(String name) {
    Objects.requireNonNull(name, "name");
    return new LockClass(name, "holding " + name, "takes " + name);
  }

  /**
   * To be called before a lock of this class is taken, by a call that may block.
   *
   * @throws LockdepException if the validator is on and the order could deadlock, or the thread is
   *     in a callback that must not block, or has a lock of this class already
   */
  public void acquire() {
    if (Lockdep.isEnabled()) {
      HeldLocks held = HeldLocks.current();
      held.mayBlock("taking " + name);
      LockOrder.check(held, this, "taking " + name);
      held.add(this, this);
    }
  }

  /** To be called after a lock of this class was taken by a call that doesn't block. */
  public void tryAcquired() {
    if (Lockdep.isEnabled()) {
      HeldLocks.current().add(this, this);
    }
  }

  /**
   * To be called where a lock of this class may be taken, on every path, whether or not it is this
   * time: so that rare paths are checked too ({@code might_lock}).
   *
   * @throws LockdepException as {@link #acquire} does
   */
  public void mightAcquire() {
    HeldLocks held = Lockdep.isEnabled() ? HeldLocks.currentOrNull() : null;
    if (held != null) {
      held.mayBlock("taking " + name);
      LockOrder.check(held, this, "taking " + name);
    }
  }

  /**
   * To be called when a lock of this class is given back.
   *
   * @throws LockdepException if the validator is on and the thread has none
   */
  public void release() {
    if (Lockdep.isEnabled()) {
      HeldLocks.current().remove(this, this);
    }
  }

  /** The reservations of a class. Contract: with one held, fences and reclaim may be waited for. */
  static LockClass ofReservations(String name) {
    LockClass reservations =
        new LockClass(
            name,
            "holding a reservation (class %s)".formatted(name),
            "takes a reservation (class %s)".formatted(name));
    if (Lockdep.isEnabled()) {
      LockOrder.byContract(reservations, FENCE);
      LockOrder.byContract(reservations, RECLAIM);
      LockOrder.byContract(SUBMISSION, reservations);
      LockOrder.byContract(TURN, reservations);
    }
    return reservations;
  }

  /** What a thread does that has it. */
  String holding() {
    return holding;
  }

  /** What a thread does that takes it. */
  String takes() {
    return takes;
  }

  /**
   * The name, for reports.
   *
   * @return what the locks guard
   */
  @Override
  public String toString() {
    return name;
  }
}
