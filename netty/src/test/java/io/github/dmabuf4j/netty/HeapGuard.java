package io.github.dmabuf4j.netty;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Lockdep;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Opens heaps for a test and fails it if it leaks: after the test each must have no live buffer,
 * and give all of its bytes back; and no locking rule may have been broken. A test that failed by
 * itself keeps its own error.
 */
final class HeapGuard implements AfterEachCallback {
  private final List<Heap> heaps = new ArrayList<>();
  private final long brokenRules = Lockdep.reports();

  synchronized Heap open(String limit) {
    Heap heap = Heaps.open("offheap:system?limit=" + limit);
    heaps.add(heap);
    return heap;
  }

  @Override
  public synchronized void afterEach(ExtensionContext context) {
    if (context.getExecutionException().isPresent()) {
      return;
    }
    if (Lockdep.reports() != brokenRules) {
      throw new AssertionError("locking rules were broken: see the exceptions of other threads");
    }
    for (Heap heap : heaps) {
      if (heap.statistics().liveBuffers() != 0) {
        throw new AssertionError("leaked: " + heap.statistics() + "\n" + heap.info());
      }
      heap.close();
      if (heap.statistics().committedBytes() != 0) {
        throw new AssertionError("closed, but committed: " + heap.statistics());
      }
    }
  }
}
