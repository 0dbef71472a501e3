package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Idle memory goes back by itself. */
@Timeout(60)
final class DecayTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  @ParameterizedTest
  @EnumSource
  void idleBlocks_noActivity_goBack(TestMemory memory) {
    Heap heap = heaps.open(memory, 128 * MIB, Duration.ofMillis(20));
    List<DmaBuf> buffers = new ArrayList<>();
    for (long size : new long[] {1, 64 * KIB, 3 * MIB, 65 * MIB}) {
      buffers.add(heap.allocate(size));
    }
    long live = heap.statistics().committedBytes();
    assertThat(live).isGreaterThan(68 * MIB);
    buffers.forEach(DmaBuf::close);
    Await.until("all is given back", () -> heap.statistics().committedBytes() == 0);
  }

  @ParameterizedTest
  @EnumSource
  void tick_blocksInUseInBetween_stay(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, MIB);
    DmaBuf a = heap.allocate(4096);
    DmaBuf b = heap.allocate(4096);
    DmaBuf c = heap.allocate(4096);
    List.of(a, b, c).forEach(DmaBuf::close);
    heap.pool.returns.tick();
    assertThat(heap.statistics().committedBytes())
        .as("all were in use since the last tick")
        .isEqualTo(3 * 4096);
    heap.allocate(4096).close();
    heap.pool.returns.tick();
    assertThat(heap.statistics().committedBytes()).as("one was in use").isEqualTo(4096);
    heap.pool.returns.tick();
    assertThat(heap.statistics().committedBytes()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void largeBlock_released_doesNotWaitForTheTick(TestMemory memory) {
    Heap heap = heaps.open(memory, 128 * MIB);
    heap.allocate(65 * MIB).close();
    Await.until("it is given back", () -> heap.statistics().committedBytes() == 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"292h", "2562047h", "5124095h", "9999999h", "999999999h"})
  void open_decayBeyondTheTimersClock_neverDecays(String decay) {
    try (Heap heap = Heaps.open("offheap:system?limit=1MiB&decay=" + decay)) {
      heap.allocate(100).close();
      assertThat(heap.statistics().idleBytes()).isEqualTo(4096);
    }
  }

  @ParameterizedTest
  @EnumSource
  void timer_heapIsLost_doesNotKeepIt(TestMemory memory) {
    WeakReference<Pool> pool = new WeakReference<>(memory.open(MIB, Duration.ofMillis(2)).pool);
    Await.until(
        "the pool is collected",
        () -> {
          System.gc();
          return pool.get() == null;
        });
  }
}
