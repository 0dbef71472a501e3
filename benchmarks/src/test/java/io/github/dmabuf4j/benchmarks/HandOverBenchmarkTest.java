package io.github.dmabuf4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThatCode;

import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each strategy hands over, has back, and ends with its other process. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "sockets that pass descriptors")
final class HandOverBenchmarkTest {
  @ParameterizedTest
  @ValueSource(strings = {"dmabuf4j", "unix-socket", "eventfd"})
  void rounds_comeBack_andTheOtherProcessEnds(String strategy) throws Exception {
    HandOverBenchmark benchmark = new HandOverBenchmark();
    benchmark.strategy = strategy;
    benchmark.begin();
    assertThatCode(
            () -> {
              for (int i = 0; i < 100; i++) {
                benchmark.handOver();
              }
            })
        .doesNotThrowAnyException();
    benchmark.end();
  }
}
