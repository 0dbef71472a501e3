package io.github.dmabuf4j;

import io.github.dmabuf4j.LockdepException.Rule;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * In which order the {@link LockClass}es were ever taken. An edge says "the second was taken, by a
 * call that may block, while the first was held". What must be possible by contract is there from
 * the start (design rule FN3), so that the first offending call is reported even if nobody has done
 * its counterpart yet.
 *
 * <p><b>Invariant.</b> The graph has no cycle: an edge is added under this class's monitor after a
 * search has found no way back, and an offending one is reported instead of added. Edges are never
 * removed; they are looked up without the monitor.
 *
 * <p>Source: check_prev_add in kernel/locking/lockdep.c; dma_resv_lockdep in
 * drivers/dma-buf/dma-resv.c.
 */
final class LockOrder {
  /**
   * Two classes that were taken in this order.
   *
   * @param where the stack when it was first seen, or null where the contract says so
   */
  private record Edge(LockClass held, LockClass taken, @Nullable Throwable where, String thread) {
    String inWords() {
      String who = where == null ? "by contract, some thread " : thread + " ";
      return "%s(%s) %s".formatted(who, held.holding(), taken.takes());
    }
  }

  private static final Map<LockClass, Map<LockClass, Edge>> EDGES = new ConcurrentHashMap<>();

  static {
    byContract(LockClass.RECLAIM, LockClass.FENCE);
    byContract(LockClass.SUBMISSION, LockClass.RECLAIM);
    byContract(LockClass.TURN, LockClass.RECLAIM);
  }

  private LockOrder() {}

  /** Says that an order is legal, so that the opposite one is not. */
  static void byContract(LockClass held, LockClass taken) {
    add(new Edge(held, taken, null, ""));
  }

  private static void add(Edge edge) {
    EDGES.computeIfAbsent(edge.held, held -> new ConcurrentHashMap<>()).put(edge.taken, edge);
  }

  /** Learns that a thread takes a lock of a class while it holds others, or reports it. */
  static void check(HeldLocks held, LockClass taken, String operation) {
    check(held, taken, false, operation);
  }

  /** The same for a class of which several may be had, because something else orders them. */
  static void checkNested(HeldLocks held, LockClass taken, String operation) {
    check(held, taken, true, operation);
  }

  private static void check(HeldLocks held, LockClass taken, boolean mayNest, String operation) {
    for (LockClass before : held.classes()) {
      if (before == taken) {
        if (!mayNest) {
          throw recursion(taken, operation);
        }
      } else if (!EDGES.getOrDefault(before, Map.of()).containsKey(taken)) {
        checkNew(before, taken, operation);
      }
    }
  }

  private static LockdepException recursion(LockClass taken, String operation) {
    return new LockdepException(
        Rule.RECURSION,
        "%s on a thread that is %s already: two of one class at once, and nothing says in which order"
            .formatted(operation, taken.holding()));
  }

  private static synchronized void checkNew(LockClass before, LockClass taken, String operation) {
    List<Edge> back = path(taken, before);
    if (back == null) {
      String thread = Thread.currentThread().toString();
      Edge edge = new Edge(before, taken, null, thread);
      add(new Edge(before, taken, new Throwable("seen: " + edge.inWords()), thread));
      return;
    }
    StringBuilder text = new StringBuilder();
    text.append(
        "%s while %s could deadlock:\n  1. this thread (%s) %s"
            .formatted(operation, before.holding(), before.holding(), taken.takes()));
    for (int i = 0; i < back.size(); i++) {
      text.append("\n  %d. %s".formatted(i + 2, back.get(i).inWords()));
    }
    text.append("\nEach waits for the next, and the last for the first. ").append(advice(before));
    LockdepException report = new LockdepException(Rule.ORDER, text.toString());
    for (Edge edge : back) {
      if (edge.where != null) {
        report.addSuppressed(edge.where);
      }
    }
    throw report;
  }

  private static String advice(LockClass before) {
    if (before == LockClass.FENCE) {
      return "Do it before the fence is published, or after it has signaled (design rule FN4)";
    }
    return "Take them in one order everywhere, or don't hold the one while taking the other";
  }

  /** The shortest way from one class to another, or null. */
  private static @Nullable List<Edge> path(LockClass from, LockClass to) {
    Map<LockClass, Edge> reachedBy = new HashMap<>();
    Deque<LockClass> queue = new ArrayDeque<>(List.of(from));
    for (LockClass at = queue.poll(); at != null; at = queue.poll()) {
      for (Edge edge : EDGES.getOrDefault(at, Map.of()).values()) {
        if (edge.taken != from && reachedBy.putIfAbsent(edge.taken, edge) == null) {
          queue.add(edge.taken);
        }
      }
    }
    if (!reachedBy.containsKey(to)) {
      return null;
    }
    List<Edge> path = new ArrayList<>();
    for (LockClass at = to; at != from; ) {
      Edge edge = Objects.requireNonNull(reachedBy.get(at));
      path.add(edge);
      at = edge.held;
    }
    Collections.reverse(path);
    return path;
  }
}
