package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.SyncPoint.WaitFor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** A {@link SyncObject} against the simplest thing that keeps rules CS5 to CS9: a list. */
final class SyncObjectProperties {
  private static final long HIGHEST = 12;

  /** A submission: its context, its number there, and what it stands for. */
  private record Node(int context, long number, Fence fence) {}

  /** What drm_syncobj's rules say, without collecting anything. */
  private static final class Model {
    private final List<Node> nodes = new ArrayList<>();
    private int contexts;

    void submit(long point, Fence fence) {
      if (point == 0) {
        nodes.clear();
        nodes.add(new Node(-1, 0, fence));
        return;
      }
      Node last = nodes.isEmpty() ? null : nodes.getLast();
      if (last == null || last.context < 0 || point <= last.number) {
        contexts++;
        long number = last == null ? point : Math.max(point, last.number);
        nodes.add(new Node(contexts, number, fence));
      } else {
        nodes.add(new Node(contexts, point, fence));
      }
    }

    long lastSubmitted() {
      return nodes.isEmpty() ? 0 : nodes.getLast().number;
    }

    /** The index of the node that a point stands for, -1 if it isn't submitted. */
    private int find(long point) {
      int found = nodes.size() - 1;
      if (point == 0 || found < 0) {
        return found;
      }
      if (point > nodes.get(found).number) {
        return -1;
      }
      int context = nodes.get(found).context;
      while (found > 0
          && nodes.get(found - 1).context == context
          && nodes.get(found - 1).number >= point) {
        found--;
      }
      return found;
    }

    private boolean isSignaledUpTo(int index) {
      return nodes.subList(0, index + 1).stream().allMatch(node -> node.fence.isSignaled());
    }

    boolean isAvailable(long point) {
      return find(point) >= 0;
    }

    boolean isSignaled(long point) {
      return isSignaledUpTo(find(point));
    }

    long lastSignaled() {
      long reached = 0;
      for (int i = 0; i < nodes.size(); i++) {
        if (nodes.get(i).context == nodes.getLast().context && isSignaledUpTo(i)) {
          reached = nodes.get(i).number;
        }
      }
      return reached;
    }
  }

  @Property(tries = 300)
  void anyHistory_isThatOfTheModel(@ForAll long seed) throws InterruptedException {
    Random random = new Random(seed);
    Model model = new Model();
    List<FenceContext> contexts = new ArrayList<>();
    List<Fence> fences = new ArrayList<>();
    try (SyncObject timeline = SyncObject.create("property")) {
      for (int step = 0; step < 60; step++) {
        switch (random.nextInt(10)) {
          case 0 -> {
            timeline.reset();
            model.nodes.clear();
          }
          case 1 -> {
            long point = random.nextLong(HIGHEST);
            timeline.at(point).signal();
            model.submit(point, Fence.stub());
          }
          case 2, 3, 4, 5 -> {
            contexts.add(FenceContext.create("work"));
            fences.add(contexts.getLast().newFence());
            long point = random.nextLong(HIGHEST);
            timeline.at(point).submit(fences.getLast());
            model.submit(point, fences.getLast());
          }
          default -> {
            if (!fences.isEmpty()) {
              int chosen = random.nextInt(fences.size());
              contexts.get(chosen).signal(fences.get(chosen));
            }
          }
        }
        check(timeline, model);
      }
    }
    contexts.forEach(FenceContext::close);
  }

  private static void check(SyncObject timeline, Model model) throws InterruptedException {
    assertThat(timeline.lastSubmitted()).isEqualTo(model.lastSubmitted());
    assertThat(timeline.lastSignaled()).isEqualTo(model.lastSignaled());
    for (long number = 0; number <= HIGHEST; number++) {
      SyncPoint point = timeline.at(number);
      boolean available = model.isAvailable(number);
      assertThat(point.fence().isPresent()).isEqualTo(available);
      assertThat(point.await(WaitFor.AVAILABLE, Duration.ZERO)).isEqualTo(available);
      if (available) {
        boolean signaled = model.isSignaled(number);
        assertThat(point.fence().orElseThrow().isSignaled()).isEqualTo(signaled);
        assertThat(point.await(WaitFor.SIGNALED, Duration.ZERO)).isEqualTo(signaled);
      }
    }
    assertThat(timeline.waiting()).isZero();
  }
}
