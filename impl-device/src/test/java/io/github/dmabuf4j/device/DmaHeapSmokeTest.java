package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.github.dmabuf4j.device.VmScripts.Outcome;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Runs {@link DmaHeapSmoke} on the real kernel. */
@Tag("vm")
final class DmaHeapSmokeTest {
  @Test
  void smoke_onTheRealKernel_passes() throws Exception {
    Outcome smoke = VmScripts.call(Map.of(), "smoke", VmScripts.download());
    if (smoke.status() == 0 && smoke.out().startsWith("skipped: ")) {
      assertThat(VmScripts.required()).as("a required smoke test never skips").isFalse();
      abort(smoke.out().strip());
    }
    assertThat(smoke.out().lines().toList())
        .last()
        .asString()
        .matches("[1-9]\\d* passed, 0 failed");
    assertThat(smoke.status()).as(smoke.toString()).isZero();
  }
}
