package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

final class TimelineTest {
  @Test
  void advance_signalsWhatItReaches() {
    try (Timeline timeline = Timeline.create("test")) {
      Fence three = timeline.fenceAt(3);
      Fence one = timeline.fenceAt(1);
      assertThat(three.context()).isEqualTo(one.context());
      assertThat(three.seqno()).isEqualTo(3);
      timeline.advance(2);
      assertThat(one.isSignaled()).isTrue();
      assertThat(three.isSignaled()).isFalse();
      timeline.advance(1);
      assertThat(timeline.value()).isEqualTo(2);
      timeline.advance(10);
      assertThat(three.isSignaled()).isTrue();
    }
  }

  @Test
  void fenceAt_isTheSameWhilePending_andSignaledOnceReached() {
    try (Timeline timeline = Timeline.create("test")) {
      assertThat(timeline.fenceAt(0).isSignaled()).isTrue();
      assertThat(timeline.fenceAt(-5).isSignaled()).isTrue();
      Fence five = timeline.fenceAt(5);
      assertThat(timeline.fenceAt(5)).isSameAs(five);
      timeline.advance(5);
      assertThat(timeline.fenceAt(5).isSignaled()).isTrue();
      assertThat(timeline.fenceAt(4).isSignaled()).isTrue();
    }
  }

  @Test
  void fencesSignal_inTheOrderOfTheirValues() {
    try (Timeline timeline = Timeline.create("test")) {
      List<Long> order = new ArrayList<>();
      for (long at : new long[] {5, 2, 9, 1, 7}) {
        timeline.fenceAt(at).addCallback(fence -> order.add(fence.seqno()));
      }
      timeline.advance(100);
      assertThat(order).containsExactly(1L, 2L, 5L, 7L, 9L);
    }
  }

  @Test
  void callback_mayAskForAReachedValue_andGetsASignaledFence() {
    try (Timeline timeline = Timeline.create("test")) {
      AtomicReference<Fence> inside = new AtomicReference<>();
      timeline.fenceAt(1).addCallback(fence -> inside.set(timeline.fenceAt(2)));
      List<Boolean> signaled = new ArrayList<>();
      timeline.fenceAt(1).addCallback(fence -> signaled.add(inside.get().isSignaled()));
      timeline.advance(3);
      assertThat(signaled).containsExactly(true);
    }
  }

  @Test
  void callback_mayAdvance() {
    try (Timeline timeline = Timeline.create("test")) {
      Fence last = timeline.fenceAt(1000);
      for (long at = 1; at < 1000; at++) {
        timeline.fenceAt(at).addCallback(fence -> timeline.advance(fence.seqno() + 1));
      }
      timeline.advance(1);
      assertThat(last.isSignaled()).isTrue();
    }
  }

  @Test
  void close_failsWhatIsPendingAndRefusesMore() {
    Timeline timeline = Timeline.create("test");
    Fence reached = timeline.fenceAt(1);
    Fence pending = timeline.fenceAt(2);
    timeline.advance(1);
    timeline.close();
    timeline.close();
    assertThat(reached.error()).isEmpty();
    assertThat(pending.error()).containsInstanceOf(FenceAbandonedException.class);
    assertThatIllegalStateException()
        .isThrownBy(() -> timeline.fenceAt(3))
        .withMessageContaining("test");
    assertThatIllegalStateException()
        .isThrownBy(() -> timeline.advance(3))
        .withMessageContaining("test");
    assertThat(timeline.value()).isEqualTo(1);
  }

  @Test
  void lostTimeline_failsWhatIsPending() {
    Fence fence = Timeline.create("lost").fenceAt(1);
    Threads.untilCollected(fence::isSignaled);
    assertThat(fence.error()).containsInstanceOf(FenceAbandonedException.class);
  }

  @Test
  void concurrentAdvance_keepsTheOrderAndLeavesNothingBehind() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      Timeline timeline = Timeline.create("stress");
      ConcurrentLinkedQueue<Long> order = new ConcurrentLinkedQueue<>();
      List<Fence> fences = new ArrayList<>();
      for (long at = 1; at <= 300; at++) {
        Fence fence = timeline.fenceAt(at);
        fence.addCallback(signaled -> order.add(signaled.seqno()));
        fences.add(fence);
      }
      AtomicLong next = new AtomicLong();
      Threads.Body advancer =
          () -> {
            for (long to = next.incrementAndGet(); to <= 300; to = next.incrementAndGet()) {
              timeline.advance(to);
            }
          };
      Threads.together(advancer, advancer, advancer);
      assertThat(fences).allMatch(Fence::isSignaled);
      assertThat(new ArrayList<>(order)).hasSize(300).isSorted();
      timeline.close();
    }
  }

  @Test
  void concurrentFenceAtAdvanceAndClose_leaveNothingPending() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      Timeline timeline = Timeline.create("stress");
      List<Fence> fences = Collections.synchronizedList(new ArrayList<>());
      Threads.Body asker =
          () -> {
            try {
              for (long at = 1; at <= 200; at++) {
                fences.add(timeline.fenceAt(at));
              }
            } catch (IllegalStateException closed) {
              assertThat(closed).hasMessageContaining("closed");
            }
          };
      Threads.together(
          asker,
          asker,
          () -> {
            try {
              for (long to = 1; to <= 150; to++) {
                timeline.advance(to);
              }
            } catch (IllegalStateException closed) {
              assertThat(closed).hasMessageContaining("closed");
            }
          },
          () -> {
            Threads.until(() -> fences.size() > 50);
            timeline.close();
          });
      Threads.until(() -> fences.stream().allMatch(Fence::isSignaled));
    }
  }
}
