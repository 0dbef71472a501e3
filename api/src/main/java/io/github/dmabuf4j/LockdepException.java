package io.github.dmabuf4j;

import java.io.Serial;

/**
 * A locking rule was broken, whether or not it would have deadlocked this time: what {@link
 * Lockdep} throws. The stack of this exception is that of the offending call; suppressed are the
 * stacks of the other sides, where they were first seen.
 */
public final class LockdepException extends IllegalStateException {
  @Serial private static final long serialVersionUID = 1L;

  /** Which rule was broken. */
  private final Rule rule;

  /** The rules that the validator knows. */
  public enum Rule {
    /** Two reservations without an {@link AcquireContext} (design rule RL1). */
    SECOND_RESERVATION,
    /** Two acquire contexts on one thread, or one beside a plain lock (rules CW1, CW5). */
    SECOND_CONTEXT,
    /** Lock classes taken in an order that, with the others seen before, closes a cycle. */
    ORDER,
    /** Two locks of one class at once, which say nothing of their order. */
    RECURSION,
    /**
     * Blocking where a fence callback or another callback runs that must not block (design rule
     * FN2).
     */
    BLOCKING,
    /** A body or callback returned with a lock, context or section that it took. */
    LEFT_HELD,
    /** A lock, context or section was given back that the thread doesn't have. */
    NOT_HELD,
    /** Threads that wait for each other, now. */
    DEADLOCK
  }

  LockdepException(Rule rule, String message) {
    super("lockdep: " + message);
    this.rule = rule;
    Lockdep.reported();
  }

  /**
   * Which rule was broken.
   *
   * @return the rule
   */
  public Rule rule() {
    return rule;
  }
}
