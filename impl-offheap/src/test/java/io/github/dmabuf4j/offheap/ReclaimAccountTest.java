package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.Heaps;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** That figures are exact after any number of evictions, purges and restores. */
@Timeout(120)
final class ReclaimAccountTest {
  private static final long LIMIT = 4 * TestMemory.MIB;
  private static final List<Long> SIZES = List.of(8L, 4096L, 5000L, 65_536L, 300_000L, 1_100_000L);
  private static final List<Long> ALIGNMENTS = List.of(1L, 4096L, 65_536L);

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "&contiguous=1MiB",
        "&retained=0&zeroing=background",
        "&hugepages=true",
        "&strategy=malloc",
        "&strategy=buddy",
        "&strategy=arena-shared",
        "&strategy=arena-confined"
      })
  void al9_figuresAreExact_whateverWasReclaimed(String options) {
    PooledHeap heap =
        (PooledHeap) Heaps.open("offheap:system?pressure=ignore&limit=" + LIMIT + options);
    EvictedHeap evicted = new EvictedHeap(heap);
    Random random = new Random(7);
    int allocated = 0;
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 60; i++) {
        AllocationRequest.Builder request =
            AllocationRequest.of(SIZES.get(random.nextInt(SIZES.size())))
                .alignment(ALIGNMENTS.get(random.nextInt(ALIGNMENTS.size())));
        evicted.allocate(random.nextBoolean() ? request.movable() : request);
        allocated++;
        assertThat(heap.statistics().committedBytes()).isLessThanOrEqualTo(LIMIT);
      }
      evicted.check();
      evicted.reclaimAll();
      for (int i = 0; i < 20; i++) {
        evicted.checkOne(random.nextInt(60));
      }
      assertThat(heap.statistics().liveBuffers()).isEqualTo(60);
      assertThat(heap.statistics().allocations()).isEqualTo(allocated);
      assertThat(heap.statistics().storedBytes()).isPositive();
      evicted.buffers.stream().limit(10).forEach(EvictedHeap::offer);
      long _ = heap.shrinker().reclaim(LIMIT, AllocPolicy.FAIL_FAST);
      evicted.close();
      assertThat(heap.statistics().liveBuffers()).isZero();
      assertThat(heap.statistics().liveBytes()).isZero();
      assertThat(heap.statistics().storedBytes()).isZero();
    }
    assertThat(heap.statistics().poolHits()).isBetween(0L, (long) allocated);
    assertThat(heap.statistics().peakCommittedBytes()).isLessThanOrEqualTo(LIMIT);
    heap.close();
    assertThat(heap.statistics().committedBytes()).isZero();
  }
}
