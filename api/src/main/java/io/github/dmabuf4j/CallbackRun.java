package io.github.dmabuf4j;

import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Runs the callbacks of fences that signal. A callback may signal the next fence, and so on: up to
 * {@link #MAX_DEPTH} such runs nest on a thread, and what signals deeper waits for the innermost
 * one to come to its end, so that the stack stays bounded however long the chain is.
 *
 * <p><b>Invariant.</b> A thread has a queue while {@code MAX_DEPTH} runs nest on it and no longer.
 * Only the innermost of them takes from it, and ends when it is empty: what is queued is run by the
 * thread that signaled, before that thread returns from the run around it.
 */
final class CallbackRun {
  /** How many runs nest: enough for what people write by hand. */
  static final int MAX_DEPTH = 8;

  /** Stays with the thread, so it is of a type that keeps no class loader alive. */
  private static final ThreadLocal<int[]> DEPTH = ThreadLocal.withInitial(() -> new int[1]);

  private static final ThreadLocal<@Nullable Deque<Taken>> QUEUE = new ThreadLocal<>();

  /** The callbacks of a fence, taken from it. */
  private record Taken(Fence fence, CallbackNode newest) {}

  private CallbackRun() {}

  static void run(Fence fence, CallbackNode newest) {
    int[] depth = DEPTH.get();
    if (depth[0] == MAX_DEPTH) {
      Objects.requireNonNull(QUEUE.get()).add(new Taken(fence, newest));
      return;
    }
    depth[0]++;
    try {
      if (depth[0] == MAX_DEPTH) {
        runWithQueue(fence, newest);
      } else {
        tell(fence, newest);
      }
    } finally {
      depth[0]--;
    }
  }

  private static void runWithQueue(Fence fence, CallbackNode newest) {
    Deque<Taken> queue = new ArrayDeque<>();
    QUEUE.set(queue);
    try {
      tell(fence, newest);
      for (Taken next = queue.poll(); next != null; next = queue.poll()) {
        tell(next.fence(), next.newest());
      }
    } finally {
      QUEUE.remove();
    }
  }

  private static void tell(Fence fence, CallbackNode newest) {
    CallbackNode node = CallbackNode.oldestFirst(newest);
    for (; node != null; node = node.later) {
      Fence.Callback callback = node.claim();
      if (callback != null) {
        try {
          if (Lockdep.isEnabled()) {
            tellChecked(fence, callback);
          } else {
            callback.signaled(fence);
          }
        } catch (Throwable e) { // checked ones too: they can be thrown past the compiler
          log("a callback of", fence, e);
        }
      }
    }
  }

  /** Others may wait for what this thread is to signal next: it is in a signalling section. */
  private static void tellChecked(Fence fence, Fence.Callback callback) {
    try (var _ = Signalling.begin()) {
      Lockdep.inCallback("a callback of", fence, () -> callback.signaled(fence));
    }
  }

  /** Logs what was thrown, if that can be done: whoever is next must not lose its turn for it. */
  @SuppressWarnings("EmptyCatch") // there is nobody left to tell
  static void log(String what, Fence fence, Throwable thrown) {
    try {
      System.getLogger(Fence.class.getName())
          .log(Level.ERROR, what + " " + fence + " threw", thrown);
    } catch (Throwable unloggable) {
      // out of memory, for example
    }
  }
}
