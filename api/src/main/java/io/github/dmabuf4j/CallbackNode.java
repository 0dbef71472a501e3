package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One callback in the stack of a {@link Fence}, newest on top.
 *
 * <p><b>Invariant.</b> {@code callback} goes from set to null once, by CAS: whoever does it decides
 * what becomes of the callback. {@code next} of a pushed node changes only to skip nodes without a
 * callback, by anybody at any time. That race is benign: whatever a reader sees, no node that has a
 * callback is missing below the one it came from.
 */
final class CallbackNode {
  private static final VarHandle CALLBACK;

  static {
    try {
      CALLBACK =
          MethodHandles.lookup()
              .findVarHandle(CallbackNode.class, "callback", Fence.Callback.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile Fence.@Nullable Callback callback;

  /** The one added before this one, past those without a callback. */
  @Nullable CallbackNode next;

  /** The one to run after this one. The signaler's. */
  @Nullable CallbackNode later;

  CallbackNode(Fence.Callback callback) {
    this(callback, null);
  }

  private CallbackNode(Fence.@Nullable Callback callback, @Nullable CallbackNode next) {
    this.callback = callback;
    this.next = next;
  }

  /** The bottom of a stack that is empty. */
  static CallbackNode withoutCallback() {
    return new CallbackNode(null, null);
  }

  boolean has(Fence.Callback sought) {
    return callback == sought;
  }

  /** Gives the callback to the first who asks: the signaler runs it, a remover drops it. */
  Fence.@Nullable Callback claim() {
    Fence.Callback present = callback;
    return present != null && CALLBACK.compareAndSet(this, present, null) ? present : null;
  }

  static @Nullable CallbackNode firstUnclaimed(@Nullable CallbackNode top) {
    CallbackNode node = top;
    while (node != null && node.callback == null) {
      node = node.next;
    }
    return node;
  }

  /** Unlinks the nodes without a callback below one that has it. */
  static void sweep(@Nullable CallbackNode first) {
    CallbackNode node = first;
    while (node != null) {
      CallbackNode following = firstUnclaimed(node.next);
      if (following != node.next) {
        node.next = following;
      }
      node = following;
    }
  }

  /** Turns a stack that the signaler has taken into the order of addition, by {@link #later}. */
  static @Nullable CallbackNode oldestFirst(CallbackNode newest) {
    CallbackNode oldest = null;
    for (CallbackNode node = newest; node != null; node = node.next) {
      node.later = oldest;
      oldest = node;
    }
    return oldest;
  }
}
