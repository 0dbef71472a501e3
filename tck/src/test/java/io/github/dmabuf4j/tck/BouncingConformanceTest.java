package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.exporters.BouncingExporter;
import java.util.function.UnaryOperator;

/** The kit against {@link BouncingExporter}. */
final class BouncingConformanceTest extends HeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.KIT_BOUNCING;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    return new KitHeapUnderTest(BouncingExporter.heap(16 << 20, around));
  }
}
