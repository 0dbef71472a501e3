package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.ReclaimStatistics;
import io.github.dmabuf4j.Shrinker;
import io.github.dmabuf4j.tck.HeapUnderTest;
import java.util.function.ToLongFunction;

/** A heap of ours under the kit's test: its shrinker purges and evicts. */
class ReclaimingHeap implements HeapUnderTest {
  private final Heap heap;
  private final Shrinker shrinker;

  ReclaimingHeap(PooledHeap heap) {
    this(heap, heap);
  }

  /**
   * Puts a heap under test.
   *
   * @param heap what the kit sees
   * @param real what it is
   */
  ReclaimingHeap(Heap heap, PooledHeap real) {
    this.heap = heap;
    this.shrinker = real.shrinker();
  }

  @Override
  public final Heap heap() {
    return heap;
  }

  @Override
  public final int purgeAll() {
    return reclaim(AllocPolicy.FAIL_FAST, ReclaimStatistics::purges);
  }

  @Override
  public final int evictAll() {
    return reclaim(AllocPolicy.NORMAL, ReclaimStatistics::evictions);
  }

  private int reclaim(AllocPolicy policy, ToLongFunction<ReclaimStatistics> done) {
    long before = done.applyAsLong(shrinker.statistics());
    long _ = shrinker.reclaim(Long.MAX_VALUE, policy);
    return (int) (done.applyAsLong(shrinker.statistics()) - before);
  }
}
