package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.Capabilities;
import io.github.dmabuf4j.tck.HeapConformance;
import io.github.dmabuf4j.tck.HeapUnderTest;
import io.github.dmabuf4j.tck.exporters.CopyingStore;
import java.util.function.UnaryOperator;

/** The conformance kit against a heap with a store, which takes any content. */
abstract class SwapConformance extends HeapConformance {
  private final TestMemory memory;

  SwapConformance(TestMemory memory) {
    this.memory = memory;
  }

  @Override
  public Capabilities capabilities() {
    return Capabilities.OFFHEAP_SWAP;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    PooledHeap heap = memory.open(32 * TestMemory.MIB);
    heap.pool.around = around;
    heap.pool.openStore(room -> new CopyingStore());
    return new ReclaimingHeap(heap);
  }
}
