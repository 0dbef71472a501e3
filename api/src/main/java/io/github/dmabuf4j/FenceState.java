package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * How far a fence is, and who is to be told: one reference of state says everything.
 *
 * <table>
 * <caption>State</caption>
 * <tr><th>value</th><th>meaning</th></tr>
 * <tr><td>null</td><td>pending, nobody to tell, the producer not asked yet</td></tr>
 * <tr><td>{@link #ASKED}</td><td>pending, nobody to tell, the producer asked to signal</td></tr>
 * <tr><td>{@link #POLLED}</td><td>pending, nobody to tell, and nobody will say when it is over: whoever wants to know looks
 *   ({@link #poll})</td></tr>
 * <tr><td>{@link CallbackNode}</td><td>pending, a stack of those to tell, newest first</td></tr>
 * <tr><td>{@link FenceOutcome}</td><td>signaled; terminal</td></tr>
 * </table>
 *
 * <p><b>Invariant.</b> State never leaves FenceOutcome. Nodes are pushed by CAS, the signaler swaps
 * the whole stack for the outcome by CAS, so a node is on the stack that the signaler took, or its
 * add failed: never both, never neither. What becomes of a node's callback is settled in {@link
 * CallbackNode}.
 *
 * <p>A fence that is POLLED when nobody is to be told ({@link FenceArray}) leaves that state when
 * the first node is pushed and returns to it when the last one is withdrawn; {@link #watchChanged}
 * is called after each of the two, by the thread that did it.
 */
abstract sealed class FenceState permits Fence {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(FenceState.class, "state", Object.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Stands for "asked, nobody to tell": the bottom of an empty stack. */
  private static final CallbackNode ASKED = CallbackNode.withoutCallback();

  /** Stands for "look yourself, nobody to tell". */
  static final CallbackNode POLLED = CallbackNode.withoutCallback();

  private volatile @Nullable Object state;

  /** A pending fence. */
  FenceState() {}

  FenceState(Object initial) {
    STATE.set(this, initial); // before publication
  }

  // ---- what the kinds of fence say ----

  /** Whether somebody has to be asked before this fence signals by itself. */
  abstract boolean asksProducer();

  /** Whether somebody is asked once or at every request. */
  private boolean isPolled() {
    return this instanceof FenceArray;
  }

  /** Asks whoever signals this fence to do so. */
  abstract void startSignaling();

  /** Looks whether a POLLED fence is over, and {@linkplain #settle settles} it then. */
  boolean poll() {
    throw new IllegalStateException(this + " isn't polled");
  }

  /** The first one to tell has come, or the last one has gone. */
  void watchChanged() {}

  /** What a fence with an end of its own to bring about does first, on the thread that signals. */
  void ended() {}

  // ---- transitions ----

  final void askOnce() {
    Object seen = state;
    if (seen == POLLED
        || (seen == null && asksProducer() && STATE.compareAndSet(this, null, ASKED))) {
      startSignaling();
    }
  }

  /**
   * Adds a node to those to tell.
   *
   * @return false if this fence has signaled already
   */
  final boolean push(CallbackNode node) {
    askOnce();
    while (true) {
      Object seen = state;
      if (seen instanceof FenceOutcome || (seen == POLLED && poll())) {
        return false;
      }
      node.next = CallbackNode.firstUnclaimed((CallbackNode) seen);
      if (STATE.compareAndSet(this, seen, node)) {
        if (seen == POLLED) {
          watchChanged();
        }
        return true;
      }
    }
  }

  /**
   * Takes a callback back, the newest one where the same was added several times.
   *
   * @return false if it has run, is running, or was never added
   */
  final boolean remove(Fence.Callback callback) {
    for (CallbackNode node = asNode(state); node != null; node = node.next) {
      if (node.has(callback) && node.claim() != null) {
        sweep();
        return true;
      }
    }
    return false;
  }

  /** Takes a node back, whether or not the signaler has got it. */
  final void withdraw(CallbackNode node) {
    if (node.claim() != null) {
      sweep();
    }
  }

  /**
   * Unlinks nodes without a callback, so that polling with short deadlines doesn't grow the stack.
   */
  private void sweep() {
    while (true) {
      CallbackNode top = asNode(state);
      CallbackNode first = CallbackNode.firstUnclaimed(top);
      if (first == top || top == POLLED) {
        CallbackNode.sweep(first);
        return;
      }
      // Where nobody is left to tell, exactly one of those who leave notices.
      if (first != null) {
        STATE.compareAndSet(this, top, first);
      } else if (STATE.compareAndSet(this, top, isPolled() ? POLLED : ASKED)) {
        watchChanged();
        return;
      }
    }
  }

  /**
   * Ends this fence.
   *
   * @return false if it had ended already
   */
  final boolean end(FenceOutcome outcome) {
    Object seen = state;
    while (!(seen instanceof FenceOutcome)) {
      if (STATE.compareAndSet(this, seen, outcome)) {
        try {
          ended();
        } finally { // nobody else will tell them
          CallbackNode newest = CallbackNode.firstUnclaimed((CallbackNode) seen);
          if (newest != null) {
            CallbackRun.run((Fence) this, newest);
          }
        }
        return true;
      }
      seen = state;
    }
    return false;
  }

  /**
   * Ends a POLLED fence that has turned out to be over. Runs no callback: if somebody to tell has
   * come meanwhile, that one brings about the end.
   *
   * @return whether it has ended now
   */
  final boolean settle(FenceOutcome outcome) {
    return STATE.compareAndSet(this, POLLED, outcome) || state instanceof FenceOutcome;
  }

  // ---- looking ----

  final boolean hasEnded() {
    Object seen = state;
    return seen instanceof FenceOutcome || (seen == POLLED && poll());
  }

  final @Nullable FenceOutcome outcome() {
    return hasEnded() && state instanceof FenceOutcome outcome ? outcome : null;
  }

  /** Whether there is somebody to tell. */
  final boolean isWatched() {
    return state instanceof CallbackNode node && node != POLLED && node != ASKED;
  }

  private static @Nullable CallbackNode asNode(@Nullable Object state) {
    return state instanceof CallbackNode node ? node : null;
  }
}
