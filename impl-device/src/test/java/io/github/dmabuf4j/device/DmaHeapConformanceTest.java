package io.github.dmabuf4j.device;

import io.github.dmabuf4j.tck.Capabilities;
import org.junit.jupiter.api.condition.EnabledIf;

/** The kit against dma-bufs of the kernel: where it has the heap "system", as in the rig. */
@EnabledIf(
    value = "io.github.dmabuf4j.device.DeviceNodes#hasSystemHeap",
    disabledReason = "/dev/dma_heap/system can't be opened here: run this in impl-device/vm/run")
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
