package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;

/** What must not be left behind when a test is over. */
final class Leaks {
  private static final Field STATE;

  static {
    try {
      STATE = FenceState.class.getDeclaredField("state");
      STATE.setAccessible(true);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private Leaks() {}

  /** How many callbacks lie on a fence, waits included. */
  static int callbacksOn(Fence fence) {
    try {
      int callbacks = 0;
      if (STATE.get(fence) instanceof CallbackNode top) {
        CallbackNode node = CallbackNode.firstUnclaimed(top);
        while (node != null) {
          callbacks++;
          node = CallbackNode.firstUnclaimed(node.next);
        }
      }
      return callbacks;
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }

  /** How many nodes a fence keeps, with or without a callback. */
  static int nodesOn(Fence fence) {
    try {
      int nodes = 0;
      if (STATE.get(fence) instanceof CallbackNode top) {
        for (CallbackNode node = top; node != null; node = node.next) {
          nodes++;
        }
      }
      return nodes;
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }

  /** Nothing pending, nothing left on what there was. */
  static void assertNone(FenceContext context, Fence... fences) {
    assertThat(context.pending()).as("pending fences of %s", context).isZero();
    for (Fence fence : fences) {
      assertThat(fence.isSignaled()).as("%s", fence).isTrue();
      assertThat(fence.previous()).as("what %s keeps", fence).isNull();
      assertThat(nodesOn(fence)).as("callbacks on %s", fence).isZero();
    }
  }
}
