package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What reports say of who holds memory. */
final class BufInfoTest {
  private static BufInfo.Buffer buffer(String name, long size) {
    return new BufInfo.Buffer(
        name,
        "heap:test",
        size,
        1,
        2,
        3,
        BufferObject.Residency.RESIDENT,
        List.of(),
        List.of("fence 7 of ring"));
  }

  @Test
  void al6_holders_areSummedUpByName_theLargestFirst() {
    BufInfo info =
        new BufInfo(
            "heap:test",
            List.of(
                buffer("frame", 1000),
                buffer("picture", 1500),
                buffer("frame", 1000),
                buffer("heap:test#0001.1", 1)));
    assertThat(info.holders().lines())
        .containsExactly(
            "held by",
            "  2 × frame: 2000 B (2.0 KiB), references 2, holds 4, pins 6, waiting for fence 7 of"
                + " ring",
            "  1 × picture: 1500 B (1.5 KiB), references 1, holds 2, pins 3, waiting for fence 7 of"
                + " ring",
            "  1 × (no name): 1 B, references 1, holds 2, pins 3, waiting for fence 7 of ring");
  }

  @Test
  void al6_holders_areTenNames_andANumberOfMore() {
    List<BufInfo.Buffer> buffers = new ArrayList<>();
    IntStream.range(0, 13).forEach(i -> buffers.add(buffer("frame " + i, 13 - i)));
    assertThat(new BufInfo("heap:test", buffers).holders().lines())
        .hasSize(12)
        .last()
        .isEqualTo("  and 3 more names");
    assertThat(new BufInfo("heap:test", List.of()).holders()).isEqualTo("nobody holds any");
  }
}
