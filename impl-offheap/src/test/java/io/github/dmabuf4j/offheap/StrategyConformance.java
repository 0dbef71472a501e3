package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.Capabilities;
import io.github.dmabuf4j.tck.HeapConformance;
import io.github.dmabuf4j.tck.HeapUnderTest;
import java.util.function.UnaryOperator;

/** The conformance kit against a heap whose memory comes from a strategy. */
abstract class StrategyConformance extends HeapConformance {
  private final String strategy;

  StrategyConformance(String strategy) {
    this.strategy = strategy;
  }

  @Override
  public Capabilities capabilities() {
    return strategy.equals("arena-confined")
        ? Capabilities.OFFHEAP_ARENA_CONFINED
        : Capabilities.OFFHEAP_SYSTEM;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    PooledHeap heap = TestStrategies.open(strategy, 32 * TestMemory.MIB);
    heap.pool.around = around;
    return new ReclaimingHeap(heap);
  }
}
