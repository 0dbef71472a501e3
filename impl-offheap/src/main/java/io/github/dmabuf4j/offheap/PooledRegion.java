package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ContiguousRegion;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.RegionStatistics;
import java.lang.ref.Reference;

/**
 * What users have of a {@link ReservedRegion}: as the {@link PooledHeap} is of its pool, and keeps
 * that heap.
 *
 * <p><b>Threads.</b> As {@link ContiguousRegion}; there is no state here.
 */
final class PooledRegion implements ContiguousRegion {
  private final PooledHeap heap;
  private final ReservedRegion region;

  PooledRegion(PooledHeap heap, ReservedRegion region) {
    this.heap = heap;
    this.region = region;
  }

  @Override
  public DmaBuf allocateContiguous(AllocationRequest request) throws InterruptedException {
    try {
      return region.supply.allocate(request);
    } finally {
      Reference.reachabilityFence(heap);
    }
  }

  @Override
  public long compact() {
    try {
      return region.compact();
    } finally {
      Reference.reachabilityFence(heap);
    }
  }

  @Override
  public long byteSize() {
    return region.byteSize();
  }

  @Override
  public RegionStatistics statistics() {
    return region.statistics();
  }

  @Override
  public FragmentationMap map() {
    return region.map();
  }

  @Override
  public String toString() {
    return "the contiguous region of %s: %s".formatted(heap.name(), statistics());
  }
}
