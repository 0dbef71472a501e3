package io.github.dmabuf4j.device;

import io.github.dmabuf4j.tck.Capabilities;
import org.junit.jupiter.api.Tag;

/** The kit against dma-bufs over memory files, on the real kernel. */
@Tag("guest")
final class UdmabufConformanceTest extends DeviceHeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.UDMABUF;
  }

  @Override
  BufferFiles files() {
    return new UdmabufFiles();
  }
}
