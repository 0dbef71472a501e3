package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.exporters.RevocableExporter;
import java.util.function.UnaryOperator;

/** The kit against {@link RevocableExporter}. */
final class RevocableConformanceTest extends HeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.KIT_REVOCABLE;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    return new KitHeapUnderTest(RevocableExporter.heap(16 << 20, around));
  }
}
