package io.github.dmabuf4j.tck.snippets;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.Capabilities;
import io.github.dmabuf4j.tck.Capability;
import io.github.dmabuf4j.tck.HeapConformance;
import io.github.dmabuf4j.tck.HeapUnderTest;
import io.github.dmabuf4j.tck.exporters.KitHeap;
import io.github.dmabuf4j.tck.exporters.MovingExporter;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

// @start region="conformance"
/** My heap keeps the contract. */
final class MyHeapConformanceTest extends HeapConformance {
  private static final Capabilities ROW =
      Capabilities.of("my:heap")
          .has(Capability.MOVES) // moveAll below
          .has(Capability.HOST_PIECES, Capability.OBSERVABLE, Capability.FREED_BY_ANY_THREAD)
          .lacks(Capability.CONTIGUOUS_REGION, "all of its memory is alike")
          .lacks(Capability.PURGES, "content is never dropped")
          .lacks(Capability.EVICTS, "there is no store")
          .lacks(Capability.DROPS_MAPPINGS, "a mapping costs nothing and is kept")
          .lacks(Capability.SEPARATE_COPIES, "devices see what the CPU sees")
          .lacks(Capability.REVOCABLE, "nobody else has the memory")
          .lacks(Capability.REFUSES_IMPORTERS, "it serves everybody")
          .lacks(Capability.SHARED_RESERVATION, "each buffer has its own")
          .lacks(Capability.SHAREABLE, "there is no file behind it")
          .build();

  @Override
  public Capabilities capabilities() {
    return ROW;
  }

  /** A fresh heap for each test; its exporters are made as {@code around.apply(exporter)}. */
  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    KitHeap heap = MovingExporter.heap(16 << 20, around); // or yours
    return new HeapUnderTest() {
      @Override
      public Heap heap() {
        return heap;
      }

      // What the heap's own compaction does, with all of its checks.
      @Override
      public int moveAll() {
        AtomicInteger moved = new AtomicInteger();
        heap.forEach(
            MovingExporter.class,
            exporter -> {
              if (exporter.tryMove()) {
                moved.incrementAndGet();
              }
            });
        return moved.get();
      }
    };
  }
}
// @end
