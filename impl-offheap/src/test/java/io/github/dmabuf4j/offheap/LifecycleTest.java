package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Closing, draining, and what operations do afterwards. */
@Timeout(120)
final class LifecycleTest {
  private static final List<AllocPolicy> POLICIES = List.of(AllocPolicy.values());

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private static void assertRefuses(Heap heap) {
    for (AllocPolicy policy : AllocPolicy.values()) {
      AllocationRequest request = AllocationRequest.of(1).policy(policy).build();
      assertThatThrownBy(() -> heap.allocate(request))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("offheap:test is closed");
      assertThatThrownBy(() -> heap.allocateUninterruptibly(request))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> heap.allocateBulk(request, 2))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @ParameterizedTest
  @EnumSource
  void close_nothingLive_givesAllBackAndRefuses(TestMemory memory) {
    Heap heap = heaps.open(memory, 16 * MIB);
    heap.allocate(100).close();
    heap.allocate(2 * MIB).close();
    heap.close();
    assertThat(heap.isClosed()).isTrue();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(heap.statistics().allocations()).as("figures can still be read").isEqualTo(2);
    assertThat(heap.info().buffers()).isEmpty();
    assertThat(heap.trim()).isZero();
    assertRefuses(heap);
    assertThatCode(heap::close).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @EnumSource
  void close_liveBuffers_refusesNamingThemAndStaysOpen(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    try (DmaBuf live = heap.allocate(AllocationRequest.of(10).name("still needed").build())) {
      assertThatThrownBy(heap::close)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("1 live buffers")
          .hasMessageContaining(live.name());
      assertThat(heap.isClosed()).isFalse();
      heap.allocate(10).close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void close_onlyAHoldIsLeft_refuses(TestMemory memory) {
    Heap heap = heaps.open(memory, MIB);
    DmaBuf buffer = heap.allocate(10);
    Hold hold = buffer.hold();
    buffer.close();
    assertThatThrownBy(heap::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("holds 1");
    hold.segment().fill((byte) 1);
    hold.close();
    heap.close();
  }

  @ParameterizedTest
  @EnumSource
  void drain_liveBuffers_lastReleaseGivesTheMemoryBack(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, 80 * MIB);
    List<DmaBuf> live = List.of(heap.allocate(10), heap.allocate(2 * MIB), heap.allocate(66 * MIB));
    heap.allocate(3 * MIB).close();
    assertThat(heap.drain(Duration.ofMillis(1))).isFalse();
    assertThat(heap.isClosed()).isTrue();
    assertThat(heap.statistics().idleBytes()).as("idle memory went back at once").isZero();
    assertRefuses(heap);
    try (Hold hold = live.getFirst().hold()) {
      hold.segment().fill((byte) 1); // live buffers go on working
    }
    assertThatThrownBy(heap::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("live buffers");
    live.forEach(DmaBuf::close);
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(heap.drain(Duration.ZERO)).isTrue();
    heap.close();
  }

  @ParameterizedTest
  @EnumSource
  void drain_waits_untilTheLastUserCloses(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    DmaBuf live = heap.allocate(10);
    AtomicBoolean drained = new AtomicBoolean();
    Thread drainer =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    drained.set(heap.drain(Duration.ofDays(1_000_000_000)));
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                });
    Await.until("draining", heap::isClosed);
    assertThat(drained).isFalse();
    live.close();
    Await.joined(drainer);
    assertThat(drained).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void close_whileOthersAllocate_eitherRefusesOrEndsThem(TestMemory memory)
      throws InterruptedException {
    for (int round = 0; round < 50; round++) {
      PooledHeap heap = heaps.open(memory, MIB);
      List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        AllocPolicy policy = POLICIES.get((round + t) % POLICIES.size());
        threads.add(Thread.ofPlatform().start(() -> allocateUntilClosed(heap, policy, failures)));
      }
      while (!heap.isClosed()) {
        try {
          heap.close();
        } catch (IllegalStateException e) {
          assertThat(e).hasMessageContaining("live buffers");
        }
      }
      assertThat(heap.statistics().committedBytes()).isZero();
      for (Thread thread : threads) {
        Await.joined(thread);
      }
      assertThat(failures).isEmpty();
      assertThat(heap.statistics().committedBytes()).isZero();
    }
  }

  private static void allocateUntilClosed(Heap heap, AllocPolicy policy, List<Throwable> failures) {
    AllocationRequest request = AllocationRequest.of(64 * KIB).policy(policy).build();
    try {
      while (true) {
        try (DmaBuf buffer = heap.allocateUninterruptibly(request);
            Hold hold = buffer.hold()) {
          hold.segment().set(java.lang.foreign.ValueLayout.JAVA_BYTE, 0, (byte) 1);
        } catch (OutOfBuffersException e) {
          if (policy != AllocPolicy.NOWAIT
              && policy != AllocPolicy.FAIL_FAST) { // they pass by what is busy
            failures.add(e);
            return;
          }
        }
      }
    } catch (IllegalStateException e) {
      if (!String.valueOf(e.getMessage()).contains("closed") || !heap.isClosed()) {
        failures.add(e);
      }
    } catch (Throwable e) {
      failures.add(e);
    }
  }

  @ParameterizedTest
  @EnumSource
  void drain_whileOthersAllocate_ends(TestMemory memory) throws InterruptedException {
    for (int round = 0; round < 150; round++) {
      PooledHeap heap = heaps.open(memory, MIB);
      List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        AllocPolicy policy = POLICIES.get((round + t) % POLICIES.size());
        threads.add(Thread.ofPlatform().start(() -> allocateUntilClosed(heap, policy, failures)));
      }
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    while (heap.trim() > 0 || !heap.isClosed()) {
                      Thread.onSpinWait();
                    }
                  }));
      assertThat(heap.drain(Duration.ofSeconds(30))).isTrue();
      for (Thread thread : threads) {
        Await.joined(thread);
      }
      assertThat(failures).isEmpty();
      assertThat(heap.statistics().committedBytes()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void lostHeap_liveBuffer_goesOnWorkingAndGivesItsMemoryBack(TestMemory memory) {
    PooledHeap heap = memory.open(MIB);
    Pool pool = heap.pool;
    DmaBuf live = heap.allocate(10);
    WeakReference<PooledHeap> lost = new WeakReference<>(heap);
    heap = null;
    Await.until(
        "it is noticed",
        () -> {
          System.gc();
          return lost.get() == null && pool.lifecycle.hasEnded();
        });
    try (Hold hold = live.hold()) {
      hold.segment().fill((byte) 1);
    }
    assertThat(pool.account.statistics().committedBytes()).isPositive();
    live.close();
    assertThat(pool.account.statistics().committedBytes()).isZero();
  }
}
