package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.exporters.EvictingExporter;
import java.util.function.UnaryOperator;

/** The kit against the exporter that evicts. */
final class EvictingConformanceTest extends HeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.KIT_EVICTING;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    return new KitHeapUnderTest(EvictingExporter.heap(16 << 20, around));
  }
}
