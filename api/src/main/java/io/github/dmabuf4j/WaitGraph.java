package io.github.dmabuf4j;

import io.github.dmabuf4j.LockdepException.Rule;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * Who waits for whom right now: threads for reservations and fences, reservations for the thread
 * that holds them, fences for the threads that are to signal them and for the fences that come
 * before. Known while the validator is on ({@link Lockdep}); then a thread whose wait would close a
 * cycle gets a {@link LockdepException} instead of waiting for ever.
 *
 * <p>Whom a fence waits for is known of jobs, of containers, and of {@link
 * Signalling#begin(Fence)}. A fence of which it isn't known ends the chain.
 *
 * <p><b>How a cycle is told from an accident of timing.</b> The graph changes while it is read. But
 * a thread that waits gives nothing back and takes nothing. So if the same cycle is read twice,
 * with each thread in the very same wait, then between the two readings all of them were waiting,
 * and what the second one found them to hold, they held all the time. A wait with a context that
 * backs off counts only beside one that doesn't.
 *
 * <p><b>Threads.</b> Any.
 */
public final class WaitGraph {
  /** What an asynchronous job waits for before it runs: no thread does it for it. */
  private static final Map<Fence, List<Fence>> DEPENDENCIES = new ConcurrentHashMap<>();

  /** A thread in a cycle, and the wait in which it was found. */
  private record Step(HeldLocks thread, HeldLocks.Wait found) {}

  private final List<String> lines;

  private WaitGraph(List<String> lines) {
    this.lines = lines;
  }

  /**
   * Looks at all threads.
   *
   * @return who waits for whom; empty if the validator is off. Each line was true when it was read,
   *     not all of them at one instant
   */
  public static WaitGraph now() {
    List<String> lines = new ArrayList<>();
    for (HeldLocks held : HeldLocks.all()) {
      HeldLocks.Wait wait = held.waitsFor();
      if (wait != null) {
        lines.add("%s waits for %s".formatted(held, inWords(wait.target)));
      }
    }
    DEPENDENCIES.forEach((fence, before) -> lines.add(fence + " waits for " + before));
    lines.sort(Comparator.naturalOrder());
    return new WaitGraph(List.copyOf(lines));
  }

  /**
   * The waits, one a line.
   *
   * @return text for people: each line names who waits, what it holds, for what it waits, and who
   *     has that
   */
  public List<String> lines() {
    return lines;
  }

  @Override
  public String toString() {
    return lines.isEmpty() ? "nobody waits" : String.join("\n", lines);
  }

  /** A job that runs later waits for other fences, until {@link #runs}. */
  static void waits(Fence fence, List<Fence> before) {
    if (Lockdep.isEnabled()) {
      DEPENDENCIES.put(fence, List.copyOf(before));
    }
  }

  static void runs(Fence fence) {
    if (Lockdep.isEnabled()) {
      DEPENDENCIES.remove(fence);
    }
  }

  // ---- cycles ----

  /** Called by a thread that has said what it is about to wait for. */
  static void refuseCycleOf(HeldLocks thread) {
    List<Step> cycle = new Search(thread).run();
    if (cycle.isEmpty()
        || cycle.stream().allMatch(step -> step.found.backsOff)
        || !cycle.equals(new Search(thread).run())) {
      return;
    }
    LockdepException deadlock =
        new LockdepException(
            Rule.DEADLOCK,
            "deadlock: "
                + cycle.stream()
                    .map(step -> step.thread + " waits for " + inWords(step.found.target))
                    .collect(Collectors.joining(",\n  and "))
                + ". This thread doesn't wait");
    for (Step step : cycle.subList(1, cycle.size())) {
      Throwable other = new Throwable("stack of " + step.thread.thread);
      other.setStackTrace(step.thread.thread.getStackTrace());
      deadlock.addSuppressed(other);
    }
    throw deadlock;
  }

  private static String inWords(Object target) {
    if (target instanceof Reservation reservation) {
      Thread holder = reservation.holder();
      return "%s, held by %s".formatted(reservation, holder == null ? "nobody" : holder);
    }
    List<Thread> signalers =
        target instanceof Fence fence
            ? signalersOf(fence).stream().map(held -> held.thread).toList()
            : List.of();
    return signalers.isEmpty()
        ? target.toString()
        : "%s, to be signaled by %s".formatted(target, signalers);
  }

  private static List<HeldLocks> signalersOf(Fence fence) {
    return HeldLocks.all().stream()
        .filter(held -> held.locksOf(LockClass.FENCE).contains(fence))
        .toList();
  }

  /** A walk, breadth first, from a thread along its wait and those of others back to itself. */
  private static final class Search {
    private final HeldLocks start;
    private final Map<HeldLocks, HeldLocks.Wait> waits = new HashMap<>();
    private final Map<Object, Object> cameFrom = new HashMap<>();
    private final Deque<Object> queue = new ArrayDeque<>();
    private final Map<Object, List<HeldLocks>> signalers = new HashMap<>();

    Search(HeldLocks start) {
      this.start = start;
      for (HeldLocks held : HeldLocks.all()) {
        for (Object fence : held.locksOf(LockClass.FENCE)) {
          signalers.computeIfAbsent(fence, unknown -> new ArrayList<>()).add(held);
        }
      }
    }

    /** The threads of a cycle, or nothing. */
    List<Step> run() {
      queue.add(start);
      for (Object node = queue.poll(); node != null; node = queue.poll()) {
        for (Object next : waitedForBy(node)) {
          if (next == start) {
            return stepsTo(node);
          }
          if (cameFrom.putIfAbsent(next, node) == null) {
            queue.add(next);
          }
        }
      }
      return List.of();
    }

    private List<?> waitedForBy(Object node) {
      return switch (node) {
        case HeldLocks thread -> targetOf(thread);
        case Reservation reservation -> holderOf(reservation);
        case Fence fence when !fence.isSignaled() -> {
          List<Object> all = new ArrayList<>(signalers.getOrDefault(fence, List.of()));
          all.addAll(DEPENDENCIES.getOrDefault(fence, List.of()));
          all.addAll(fence.waitsForAllOf());
          yield all;
        }
        default -> List.of();
      };
    }

    private List<?> targetOf(HeldLocks thread) {
      HeldLocks.Wait found = thread.waitsFor();
      if (found == null) {
        return List.of();
      }
      waits.put(thread, found);
      return List.of(found.target);
    }

    private static List<?> holderOf(Reservation reservation) {
      Thread holder = reservation.holder();
      HeldLocks held = holder == null ? null : HeldLocks.of(holder);
      return held == null ? List.of() : List.of(held);
    }

    private List<Step> stepsTo(Object last) {
      List<Step> steps = new ArrayList<>();
      for (Object node = last; node != null; node = cameFrom.get(node)) {
        if (node instanceof HeldLocks thread) {
          steps.add(new Step(thread, Objects.requireNonNull(waits.get(thread))));
        }
      }
      Collections.reverse(steps);
      return steps;
    }
  }
}
