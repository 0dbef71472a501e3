package io.github.dmabuf4j.offheap;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Opens heaps for a test and fails it if it leaks: after the test, a heap that was left open must
 * have no live buffer, and give all of its bytes back. A test that failed by itself keeps its own
 * error.
 */
final class HeapGuard implements AfterEachCallback {
  private final List<PooledHeap> heaps = new ArrayList<>();

  synchronized PooledHeap open(TestMemory memory, long limit) {
    return add(memory.open(limit));
  }

  synchronized PooledHeap open(TestMemory memory, long limit, Duration decay) {
    return add(memory.open(limit, decay));
  }

  synchronized PooledHeap openPinnable(TestMemory memory, long limit, long pinned) {
    return add(memory.openPinnable(limit, pinned));
  }

  synchronized PooledHeap openContiguous(TestMemory memory, long limit, long contiguous) {
    return add(memory.openContiguous(limit, contiguous));
  }

  /** Guards a heap that was opened elsewhere. */
  synchronized PooledHeap add(PooledHeap heap) {
    heaps.add(heap);
    return heap;
  }

  @Override
  public void afterEach(ExtensionContext context) {
    if (context.getExecutionException().isEmpty()) {
      check();
    }
  }

  /** Fails if a heap has live buffers, or keeps bytes. */
  synchronized void check() {
    List<PooledHeap> opened = List.copyOf(heaps);
    heaps.clear();
    for (PooledHeap heap : opened) {
      if (heap.statistics().liveBuffers() != 0) {
        throw new AssertionError("leaked: " + heap.statistics() + "\n" + heap.info());
      }
      if (heap.statistics().pinnedBytes() != 0) {
        throw new AssertionError("nothing is live, but pinned: " + heap.statistics());
      }
      heap.close();
      if (heap.statistics().committedBytes() != 0) {
        throw new AssertionError("closed, but committed: " + heap.statistics());
      }
    }
  }
}
