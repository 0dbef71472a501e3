package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Rule DV1: signals interrupt the calls of a heap at any place. */
@EnabledOnOs(OS.LINUX)
@Timeout(60)
final class StormyHeapTest {
  @Test
  void dv1_stormOfSignals_failsNoOperationOfMemoryFiles() throws Exception {
    assertThat(StormyHeap.endure("memfd:system", 500)).isPositive();
  }
}
