package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** A heap with a store, and buffers of it whose content can be told from each other's. */
final class EvictedHeap {
  static final long SIZE = 64 * TestMemory.KIB;

  final PooledHeap heap;
  final List<DmaBuf> buffers = new ArrayList<>();

  EvictedHeap(PooledHeap heap) {
    this(heap, DeflatingStore::new);
  }

  EvictedHeap(PooledHeap heap, Function<SwapMemory, SwapStore> opening) {
    this.heap = heap;
    heap.pool.openStore(opening);
  }

  /** Allocates a buffer, which has to be zero, and fills it with its number. */
  DmaBuf allocate(AllocationRequest.Builder request) {
    int number = buffers.size();
    DmaBuf buffer = heap.allocateUninterruptibly(request.name("buffer " + number).build());
    buffers.add(buffer);
    try (Hold hold = buffer.hold()) {
      MemorySegment all = hold.segment();
      for (long i = 0; i < all.byteSize(); i += Long.BYTES) {
        if (all.get(ValueLayout.JAVA_LONG, i) != 0) {
          throw new AssertionError("buffer %d isn't zero at %d".formatted(number, i));
        }
        all.set(ValueLayout.JAVA_LONG, i, number + 1);
      }
    }
    return buffer;
  }

  /** Allocates several plain ones. */
  void allocate(int count) {
    for (int i = 0; i < count; i++) {
      allocate(AllocationRequest.of(SIZE));
    }
  }

  /** Allocates several that may lie in the region. */
  void allocateMovable(int count) {
    for (int i = 0; i < count; i++) {
      allocate(AllocationRequest.of(SIZE).movable());
    }
  }

  /** Looks at the content of all. */
  void check() {
    check(buffers.size());
  }

  /** Looks at the content of the first ones. */
  void check(int count) {
    for (int number = 0; number < count; number++) {
      checkOne(number);
    }
  }

  /** Looks at the content of one. */
  void checkOne(int number) {
    try (Hold hold = buffers.get(number).hold()) {
      MemorySegment all = hold.segment();
      for (long i = 0; i < all.byteSize(); i += Long.BYTES) {
        if (all.get(ValueLayout.JAVA_LONG, i) != number + 1) {
          throw new AssertionError("buffer %d is damaged at %d".formatted(number, i));
        }
      }
    }
  }

  /** Evicts, or drops, all that nobody uses. */
  void reclaimAll() {
    long _ = heap.shrinker().reclaim(Long.MAX_VALUE, AllocPolicy.NORMAL);
  }

  long evictions() {
    return heap.shrinker().statistics().evictions();
  }

  static Residency residency(DmaBuf buffer) {
    return buffer.info().residency();
  }

  static void offer(DmaBuf buffer) {
    buffer.reservation().lock();
    try {
      boolean _ = buffer.advise(Advice.DONT_NEED);
    } finally {
      buffer.reservation().unlock();
    }
  }

  void close() {
    buffers.forEach(DmaBuf::close);
    buffers.clear();
  }
}
