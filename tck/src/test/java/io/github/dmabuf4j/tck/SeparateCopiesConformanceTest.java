package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.exporters.SeparateCopiesExporter;
import java.util.function.UnaryOperator;

/** The kit against {@link SeparateCopiesExporter}. */
final class SeparateCopiesConformanceTest extends HeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.KIT_SEPARATE_COPIES;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    return new KitHeapUnderTest(SeparateCopiesExporter.heap(16 << 20, around));
  }
}
