package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.ContiguousRegion;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Shrinker;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A heap of which every buffer is movable, whatever was asked for. */
final class MovableHeap implements Heap {
  private final PooledHeap heap;

  MovableHeap(PooledHeap heap) {
    this.heap = heap;
  }

  private static AllocationRequest movable(AllocationRequest request) {
    AllocationRequest.Builder movable =
        request.layout().isPresent()
            ? AllocationRequest.of(request.layout().get())
            : AllocationRequest.of(request.size());
    request.name().ifPresent(movable::name);
    if (request.content() == AllocationRequest.Content.UNINITIALIZED) {
      movable.uninitialized();
    }
    return movable.alignment(request.alignment()).policy(request.policy()).movable().build();
  }

  @Override
  public String name() {
    return heap.name();
  }

  @Override
  public long limitBytes() {
    return heap.limitBytes();
  }

  @Override
  public DmaBuf allocate(long size) {
    return heap.allocateUninterruptibly(AllocationRequest.of(size).movable().build());
  }

  @Override
  public DmaBuf allocate(AllocationRequest request) throws InterruptedException {
    return heap.allocate(movable(request));
  }

  @Override
  public DmaBuf allocateUninterruptibly(AllocationRequest request) {
    return heap.allocateUninterruptibly(movable(request));
  }

  @Override
  public CompletableFuture<DmaBuf> allocateAsync(AllocationRequest request) {
    return heap.allocateAsync(movable(request));
  }

  @Override
  public List<DmaBuf> allocateBulk(AllocationRequest request, int count)
      throws InterruptedException {
    return heap.allocateBulk(movable(request), count);
  }

  @Override
  public Optional<ContiguousRegion> contiguousRegion() {
    return heap.contiguousRegion();
  }

  @Override
  public Shrinker shrinker() {
    return heap.shrinker();
  }

  @Override
  public long trim() {
    return heap.trim();
  }

  @Override
  public HeapStatistics statistics() {
    return heap.statistics();
  }

  @Override
  public BufInfo info() {
    return heap.info();
  }

  @Override
  public boolean isClosed() {
    return heap.isClosed();
  }

  @Override
  public void close() {
    heap.close();
  }

  @Override
  public boolean drain(Duration timeout) throws InterruptedException {
    return heap.drain(timeout);
  }
}
