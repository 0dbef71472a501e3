package io.github.dmabuf4j;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A heap that hands out the buffers it was given, all at once. */
record ListHeap(List<DmaBuf> buffers) implements Heap {
  static final long LIMIT = 1 << 20;

  @Override
  public String name() {
    return "list:heap";
  }

  @Override
  public long limitBytes() {
    return LIMIT;
  }

  @Override
  public DmaBuf allocate(long size) {
    throw new UnsupportedOperationException();
  }

  @Override
  public DmaBuf allocate(AllocationRequest request) {
    throw new UnsupportedOperationException();
  }

  @Override
  public DmaBuf allocateUninterruptibly(AllocationRequest request) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletableFuture<DmaBuf> allocateAsync(AllocationRequest request) {
    throw new UnsupportedOperationException();
  }

  @Override
  public List<DmaBuf> allocateBulk(AllocationRequest request, int count) {
    return buffers.subList(0, Math.min(count, buffers.size()));
  }

  @Override
  public long trim() {
    return 0;
  }

  @Override
  public HeapStatistics statistics() {
    return new HeapStatistics(LIMIT, 0, 0, 0, buffers.size(), 0, 0, 0, 0, buffers.size(), 0);
  }

  @Override
  public BufInfo info() {
    return new BufInfo(name(), List.of());
  }

  @Override
  public boolean isClosed() {
    return false;
  }

  @Override
  public void close() {}

  @Override
  public boolean drain(Duration timeout) {
    return true;
  }
}
