package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.exporters.MovingExporter;
import java.util.function.UnaryOperator;

/** The kit against the exporter that moves. */
final class MovingConformanceTest extends HeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.KIT_MOVING;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    return new KitHeapUnderTest(MovingExporter.heap(16 << 20, around));
  }
}
