package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.exporters.PlainExporter;
import java.util.function.UnaryOperator;

/** The kit against {@link PlainExporter}. */
final class PlainConformanceTest extends HeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.KIT_PLAIN;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    return new KitHeapUnderTest(PlainExporter.heap(16 << 20, around));
  }
}
