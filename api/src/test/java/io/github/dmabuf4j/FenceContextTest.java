package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

final class FenceContextTest {
  @Test
  void newFences_areNumberedInOneContext() {
    try (FenceContext context = FenceContext.create("numbers")) {
      Fence first = context.newFence();
      Fence second = context.newFence();
      assertThat(second.context()).isEqualTo(first.context());
      assertThat(second.seqno()).isGreaterThan(first.seqno());
      assertThat(FenceContext.create("other").newFence().context()).isNotEqualTo(first.context());
    }
  }

  @Test
  void signal_beforeAnEarlierFence_isRefused() {
    try (FenceContext context = FenceContext.create("order")) {
      Fence first = context.newFence();
      Fence second = context.newFence();
      assertThatIllegalStateException()
          .isThrownBy(() -> context.signal(second))
          .withMessageContaining("in order");
      assertThatIllegalStateException().isThrownBy(() -> context.fail(second, new IOException()));
      assertThat(second.isSignaled()).isFalse();
      assertThat(context.signal(first)).isTrue();
      assertThat(context.signal(second)).isTrue();
    }
  }

  @Test
  void signal_ofAnotherContextsFence_isRefused() {
    try (FenceContext mine = FenceContext.create("mine");
        FenceContext other = FenceContext.create("other")) {
      Fence fence = other.newFence();
      assertThatIllegalArgumentException().isThrownBy(() -> mine.signal(fence));
      assertThatIllegalArgumentException().isThrownBy(() -> mine.fail(fence, new IOException()));
      assertThatIllegalArgumentException().isThrownBy(() -> mine.signal(Fence.stub()));
      assertThat(fence.isSignaled()).isFalse();
    }
  }

  @Test
  void close_failsWhatIsPendingOldestFirst() {
    FenceContext context = FenceContext.create("closing");
    Fence done = context.newFence();
    context.signal(done);
    List<Fence> order = new ArrayList<>();
    List<Fence> fences = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      Fence fence = context.newFence();
      fence.addCallback(order::add);
      fences.add(fence);
    }
    assertThat(context.pending()).isEqualTo(100);
    context.close();
    assertThat(order).containsExactlyElementsOf(fences);
    assertThat(fences)
        .allSatisfy(
            fence ->
                assertThat(fence.error().orElseThrow())
                    .isInstanceOf(FenceAbandonedException.class)
                    .hasMessageContaining("closing"));
    assertThat(done.error()).isEmpty();
    assertThat(context.pending()).isZero();
    assertThat(context.isClosed()).isTrue();
    context.close();
    assertThatIllegalStateException()
        .isThrownBy(context::newFence)
        .withMessageContaining("closing");
    assertThat(context.signal(fences.getFirst())).as("signaling late is no mistake").isFalse();
  }

  @Test
  void newFenceAfterClose_leavesNothingPending() {
    FenceContext context = FenceContext.create("closed");
    context.close();
    for (int i = 0; i < 3; i++) {
      assertThatIllegalStateException().isThrownBy(context::newFence);
    }
    assertThat(context.pending()).isZero();
  }

  @Test
  void lostContext_failsItsPendingFences() {
    List<Fence> fences = orphans();
    Threads.untilCollected(() -> fences.stream().allMatch(Fence::isSignaled));
    assertThat(fences)
        .allSatisfy(
            fence -> assertThat(fence.error()).containsInstanceOf(FenceAbandonedException.class));
  }

  private static List<Fence> orphans() {
    FenceContext lost = FenceContext.create("lost");
    return List.of(lost.newFence(), lost.newFence(), lost.newFence());
  }

  @Test
  void lostContext_wakesAWaiter() throws Exception {
    Fence fence = orphans().getFirst();
    Threads.Started waiter =
        Threads.virtual(
            () -> assertThat(fence.await(Duration.ofSeconds(Threads.LIMIT_SECONDS))).isTrue());
    Threads.untilCollected(fence::isSignaled);
    waiter.join();
  }

  @Test
  void contextInUse_isNotTakenForLost() {
    FenceContext kept = FenceContext.create("kept");
    Fence fence = kept.newFence();
    WeakReference<Object> garbage = new WeakReference<>(new Object());
    Threads.untilCollected(() -> garbage.get() == null);
    assertThat(fence.isSignaled()).isFalse();
    assertThat(kept.signal(fence)).isTrue();
    assertThat(fence.error()).isEmpty();
  }

  @Test
  void signaledFences_areNotKeptByTheirContext() {
    FenceContext context = FenceContext.create("long-lived");
    List<WeakReference<Fence>> old = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      Fence fence = context.newFence();
      context.signal(fence);
      old.add(new WeakReference<>(fence));
    }
    Fence last = context.newFence();
    Threads.untilCollected(() -> old.stream().filter(ref -> ref.get() != null).count() <= 1);
    assertThat(context.signal(last)).isTrue();
  }

  @Test
  void newFenceAndClose_atOnce_leaveNothingPending() throws Exception {
    AtomicReference<FenceContext> context = new AtomicReference<>();
    AtomicReference<Fence> earlier = new AtomicReference<>();
    AtomicReference<Fence> made = new AtomicReference<>();
    Threads.race(
        () -> {
          context.set(FenceContext.create("race"));
          earlier.set(context.get().newFence());
          made.set(null);
        },
        () -> {
          try {
            made.set(context.get().newFence());
          } catch (IllegalStateException closed) {
            assertThat(closed).hasMessageContaining("closed");
          }
        },
        () -> context.get().close(),
        () -> {
          assertThat(earlier.get().isSignaled()).as("the fence from before").isTrue();
          assertThat(made.get() == null || made.get().isSignaled())
              .as("the fence made meanwhile")
              .isTrue();
          assertThat(context.get().pending()).isZero();
        });
  }

  @Test
  void newFencesFromManyThreads_areAllFailedByClose() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      FenceContext context = FenceContext.create("many");
      ConcurrentLinkedQueue<Fence> made = new ConcurrentLinkedQueue<>();
      Threads.Body maker =
          () -> {
            for (int i = 0; i < 50; i++) {
              try {
                made.add(context.newFence());
              } catch (IllegalStateException closed) {
                return;
              }
            }
          };
      Threads.together(
          maker,
          maker,
          maker,
          () -> {
            Threads.until(() -> made.size() > 20);
            context.close();
          });
      assertThat(made).allSatisfy(fence -> assertThat(fence.isSignaled()).isTrue());
      assertThat(made.stream().map(Fence::seqno).distinct().count()).isEqualTo(made.size());
    }
  }

  @Test
  void signalFromManyThreads_keepsTheOrder() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      try (FenceContext context = FenceContext.create("shared")) {
        List<Fence> fences = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
          fences.add(context.newFence());
        }
        Threads.Body signaler =
            () -> {
              for (int i = 0; i < fences.size(); ) {
                try {
                  context.signal(fences.get(i));
                  i++;
                } catch (IllegalStateException early) {
                  LockSupport.parkNanos(1000);
                }
              }
            };
        Threads.together(
            signaler,
            signaler,
            () -> {
              int last = fences.size() - 1;
              while (!fences.get(last).isSignaled()) {
                int newest = last;
                while (newest >= 0 && !fences.get(newest).isSignaled()) {
                  newest--;
                }
                assertThat(fences.subList(0, newest + 1)).allMatch(Fence::isSignaled);
              }
            });
      }
    }
  }

  @Test
  void builder_givesItsOptionsToTheFences() {
    FenceContext context = FenceContext.builder("ring").driverName("gpu").kernel().build();
    Fence fence = context.newFence();
    assertThat(fence.driverName()).isEqualTo("gpu");
    assertThat(fence.timelineName()).isEqualTo("ring");
    assertThat(fence.kind()).isEqualTo(Fence.Kind.KERNEL);
    assertThat(context.toString()).contains("gpu").contains("ring");
    assertThatExceptionOfType(NullPointerException.class)
        .isThrownBy(() -> context.fail(fence, null));
    assertThat(Objects.requireNonNull(context)).isSameAs(context);
    context.close();
  }
}
