package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.PoolingStrategy;
import java.time.Duration;

/** Heaps with strategies, for tests. The caller closes them. */
final class TestStrategies {
  private TestStrategies() {}

  /** A heap with a strategy that can be found by name. */
  static PooledHeap open(String strategy, long limit) {
    return open(Strategies.open(strategy, limit), limit, limit);
  }

  /** A heap with a limit on pinned bytes. */
  static PooledHeap openPinnable(String strategy, long limit, long pinned) {
    return open(Strategies.open(strategy, limit), limit, pinned);
  }

  /** A heap with a strategy of a test's own. */
  static PooledHeap open(PoolingStrategy strategy, long limit) {
    return open(new StrategyMemory("test", strategy), limit, limit);
  }

  private static PooledHeap open(StrategyMemory memory, long limit, long pinned) {
    return PooledHeap.open(
        "offheap:test", new HeapOptions(limit, pinned, Duration.ofHours(1)), memory);
  }
}
