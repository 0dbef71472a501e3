package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.Capabilities;
import io.github.dmabuf4j.tck.HeapConformance;
import io.github.dmabuf4j.tck.HeapUnderTest;
import java.util.function.UnaryOperator;

/** The conformance kit against the pooled heap, with one kind of memory. */
abstract class OffHeapConformance extends HeapConformance {
  private final TestMemory memory;

  OffHeapConformance(TestMemory memory) {
    this.memory = memory;
  }

  @Override
  public Capabilities capabilities() {
    return Capabilities.OFFHEAP_SYSTEM;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    PooledHeap heap = memory.open(32 * TestMemory.MIB);
    heap.pool.around = around;
    return new ReclaimingHeap(heap);
  }
}
