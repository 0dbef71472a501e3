package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.UserMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;

/**
 * Random steps on user memory against a model: the account is exact after each step, refuses only
 * what is too much, memory is freed once, when its last handle and fence are gone, and the heap
 * closes when nothing is left, and not before.
 */
class UserMemoryProperties {
  private static final int TRIES = 50;
  private static final int STEPS = 300;
  private static final long LIMIT = 64 * KIB;

  private enum Kind {
    STEAL,
    BACK,
    COPY,
    DUP,
    CLOSE,
    FENCE,
    SIGNAL,
    TOUCH,
    CLOSE_HEAP
  }

  record Step(Kind kind, int choice, int pages) {}

  @Provide
  Arbitrary<List<Step>> steps() {
    return Combinators.combine(
            Arbitraries.of(Kind.class),
            Arbitraries.integers().between(0, 1 << 20),
            Arbitraries.integers().between(1, 6))
        .as(Step::new)
        .list()
        .ofSize(STEPS);
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.BOUNDED)
  void um1_um2_anyOrderOfSteps(@ForAll("steps") List<Step> steps) throws Exception {
    new Model().run(steps);
  }

  /** A buffer as it should be. */
  private static final class Expected {
    final Arena arena = Arena.ofShared();
    final FenceContext device = FenceContext.create("device");
    final MemorySegment memory;
    final boolean stolen;
    final List<DmaBuf> handles = new ArrayList<>();
    final List<Fence> fences = new ArrayList<>();
    int freed;

    Expected(long bytes, boolean stolen) {
      this.memory = arena.allocate(bytes, SizeClasses.PAGE);
      this.stolen = stolen;
    }

    void free() {
      freed++;
      arena.close();
    }

    boolean isLive() {
      return !handles.isEmpty() || !fences.isEmpty();
    }
  }

  private static final class Model {
    private final PooledHeap heap =
        PooledHeap.open(
            "offheap:test",
            new HeapOptions(
                MIB,
                MIB,
                0,
                LIMIT,
                Retention.of(Duration.ofHours(1)),
                false,
                Strategies.OWN,
                null,
                Watermarks.NONE,
                false),
            new ArenaMemory());
    private final UserMemory user = heap.userMemory().orElseThrow();
    private final List<Expected> live = new ArrayList<>();
    private long used;

    void run(List<Step> steps) throws Exception {
      for (Step step : steps) {
        step(step);
        assertThat(user.usedBytes()).isEqualTo(used);
        assertThat(heap.statistics().liveBuffers()).isEqualTo(live.size());
      }
      assertThat(heap.info().buffers().stream().mapToLong(BufInfo.Buffer::size).sum())
          .isEqualTo(used);
      for (Expected one : List.copyOf(live)) {
        one.device.close();
        one.fences.clear();
        one.handles.forEach(DmaBuf::close);
        one.handles.clear();
        settle(one);
      }
      assertThat(user.usedBytes()).isZero();
      heap.close();
    }

    private void step(Step step) throws Exception {
      long bytes = step.pages * SizeClasses.PAGE;
      Expected one = live.isEmpty() ? null : live.get(step.choice % live.size());
      switch (step.kind) {
        case STEAL -> add(new Expected(bytes, true));
        case BACK -> add(new Expected(bytes, false));
        case COPY -> user.steal(MemorySegment.ofArray(new byte[step.pages])).close();
        case CLOSE_HEAP -> closeHeap();
        default -> {
          if (one != null) {
            stepOn(one, step);
          }
        }
      }
    }

    private void closeHeap() {
      if (!live.isEmpty()) {
        assertThatThrownBy(heap::close).isInstanceOf(IllegalStateException.class);
      }
      assertThat(heap.isClosed()).isFalse();
    }

    private void add(Expected fresh) {
      long bytes = fresh.memory.byteSize();
      try {
        fresh.handles.add(
            fresh.stolen
                ? user.steal(fresh.memory.address(), bytes, fresh::free)
                : user.back(fresh.memory));
        assertThat(bytes).isLessThanOrEqualTo(LIMIT - used);
        used += bytes;
        live.add(fresh);
      } catch (OutOfBuffersException e) {
        assertThat(bytes).isGreaterThan(LIMIT - used);
        assertThat(fresh.freed).isZero();
        fresh.arena.close();
      }
    }

    private void stepOn(Expected one, Step step) throws Exception {
      switch (step.kind) {
        case DUP -> {
          if (!one.handles.isEmpty()) {
            one.handles.add(one.handles.getFirst().dup());
          }
        }
        case CLOSE -> {
          if (!one.handles.isEmpty()) {
            one.handles.remove(step.choice % one.handles.size()).close();
          }
        }
        case FENCE -> fence(one);
        case SIGNAL -> {
          if (!one.fences.isEmpty()) {
            one.device.signal(one.fences.removeLast());
          }
        }
        case TOUCH -> touch(one, step.choice);
        default -> throw new AssertionError(step);
      }
      settle(one);
    }

    private void fence(Expected one) {
      if (one.handles.isEmpty() || !one.fences.isEmpty()) {
        return; // one at a time is enough
      }
      Fence fence = one.device.newFence();
      Reservation reservation = one.handles.getFirst().reservation();
      reservation.lock();
      try {
        reservation.reserve(1);
        reservation.add(fence, FenceUsage.BOOKKEEP);
      } finally {
        reservation.unlock();
      }
      one.fences.add(fence);
    }

    private void touch(Expected one, long value) throws Exception {
      if (!one.handles.isEmpty()) {
        one.handles.getFirst().write(bytes -> bytes.set(JAVA_LONG, 8, value));
        assertThat(one.memory.get(JAVA_LONG, 8)).isEqualTo(value);
      }
    }

    /** The memory is free once nobody is left, and not before. */
    private void settle(Expected one) {
      if (one.isLive()) {
        assertThat(one.freed).isZero();
        return;
      }
      live.remove(one);
      used -= one.memory.byteSize();
      assertThat(one.freed).isEqualTo(one.stolen ? 1 : 0);
      if (!one.stolen) {
        one.arena.close();
      }
    }
  }
}
