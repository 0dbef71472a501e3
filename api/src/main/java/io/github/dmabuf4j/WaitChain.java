package io.github.dmabuf4j;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * What a fence waits for, what that waits for, and so on, in words: the report of a wait that took
 * too long (design rule FN5). Containers wait for their parts, jobs for their dependencies. For one
 * thread; names each fence once, and not more than {@value #MOST} in all.
 */
final class WaitChain {
  private static final int MOST = 20;
  private static final int DEEPEST = 10;

  private final StringBuilder text = new StringBuilder();
  private final Set<Fence> named = Collections.newSetFromMap(new IdentityHashMap<>());

  private WaitChain() {}

  static String of(Fence fence) {
    WaitChain chain = new WaitChain();
    chain.name(fence, 0);
    return chain.text.toString();
  }

  private void name(Fence fence, int depth) {
    text.append(fence);
    if (!named.add(fence) || depth == DEEPEST) {
      return;
    }
    List<Fence> pending =
        waitedForBy(fence).stream().filter(waitedFor -> !waitedFor.isSignaled()).toList();
    if (pending.isEmpty()) {
      return;
    }
    text.append(", waiting for ").append(pending.size()).append(" fences: [");
    String separator = "";
    for (Fence waitedFor : pending) {
      text.append(separator);
      if (named.size() >= MOST) {
        text.append("and others");
        break;
      }
      name(waitedFor, depth + 1);
      separator = ", ";
    }
    text.append(']');
  }

  private static List<Fence> waitedForBy(Fence fence) {
    return switch (fence) {
      case FenceArray array -> array.parts();
      case FenceChain chain -> Fences.unwrap(List.of(chain));
      case JobFence job -> job.waitsFor();
      default -> List.of();
    };
  }
}
