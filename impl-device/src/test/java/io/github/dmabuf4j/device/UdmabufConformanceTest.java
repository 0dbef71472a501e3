package io.github.dmabuf4j.device;

import io.github.dmabuf4j.tck.Capabilities;
import org.junit.jupiter.api.condition.EnabledIf;

/** The kit against dma-bufs over memory files: where there is a udmabuf device, as in the rig. */
@EnabledIf(
    value = "io.github.dmabuf4j.device.DeviceNodes#hasUdmabuf",
    disabledReason = "/dev/udmabuf can't be opened here: run this in impl-device/vm/run")
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
