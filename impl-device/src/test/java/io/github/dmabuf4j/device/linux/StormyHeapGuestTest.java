package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rule DV1 with the kernel's own dma-bufs. */
@Tag("guest")
@Timeout(120)
final class StormyHeapGuestTest {
  @ParameterizedTest
  @ValueSource(strings = {"dma-heap:system", "udmabuf:system"})
  void dv1_stormOfSignals_failsNoOperationOfDmaBufs(String heap) throws Exception {
    assertThat(StormyHeap.endure(heap, 60)).isPositive();
  }
}
