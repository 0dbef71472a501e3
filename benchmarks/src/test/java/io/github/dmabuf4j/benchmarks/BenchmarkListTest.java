package io.github.dmabuf4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Nobody runs benchmarks in a build, but they must be there when somebody does. */
final class BenchmarkListTest {
  @Test
  void generatedList_namesTheBenchmarks() throws IOException {
    try (InputStream in = BenchmarkListTest.class.getResourceAsStream("/META-INF/BenchmarkList")) {
      assertThat(in).as("what JMH's annotation processor writes").isNotNull();
      assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8))
          .contains(BaselineBenchmark.class.getName());
    }
  }

  @Test
  void confinedBaseline_touchesAFreshSegment() {
    BaselineBenchmark benchmark = new BaselineBenchmark();
    benchmark.bytes = 4096;
    assertThat(benchmark.confined()).isZero();
    assertThat(benchmark.shared()).isZero();
  }
}
