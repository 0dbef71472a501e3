package io.github.dmabuf4j.device;

import io.github.dmabuf4j.tck.Capabilities;
import org.junit.jupiter.api.Tag;

/** The kit against dma-bufs of the kernel's heap "system", on the real kernel. */
@Tag("guest")
final class DmaHeapConformanceTest extends DeviceHeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.DMA_HEAP;
  }

  @Override
  BufferFiles files() {
    return new DmaHeapFiles("system");
  }
}
