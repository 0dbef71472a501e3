package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class HeapUriTest {
  @Test
  void parse_takesKindNameAndOptions() {
    HeapUri uri = HeapUri.parse("offheap:system?limit=256MiB&zero=");
    assertThat(uri.kind()).isEqualTo("offheap");
    assertThat(uri.heap()).isEqualTo("system");
    assertThat(uri.name()).isEqualTo("offheap:system");
    assertThat(uri.options()).containsExactly(Map.entry("limit", "256MiB"), Map.entry("zero", ""));
    assertThat(HeapUri.parse("dma-heap:linux,cma").heap()).isEqualTo("linux,cma");
    assertThat(HeapUri.parse("a:b?x=1=2&y=?").options())
        .containsEntry("x", "1=2")
        .containsEntry("y", "?");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ":",
        "a",
        "a:",
        ":b",
        "?",
        "a:?x=1",
        "a:b?",
        "a:b?x",
        "a:b?=1",
        "a:b?x=1&",
        "a:b?x=1&x=2",
        "a:b?&x=1"
      })
  void parse_refusesOtherForms(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> HeapUri.parse(text))
        .withMessageContaining("wanted");
  }

  @Test
  void options_areCopiedAndConstant() {
    Map<String, String> options = new LinkedHashMap<>(Map.of("a", "1"));
    HeapUri uri = new HeapUri("kind", "heap", options);
    options.put("b", "2");
    assertThat(uri.options()).containsOnlyKeys("a").isUnmodifiable();
  }

  @Test
  void requireOptions_namesTheUnknownAndTheKnown() {
    HeapUri uri = HeapUri.parse("offheap:system?limit=1&lmit=2");
    assertThat(uri.requireOptions(Set.of("limit", "lmit"))).isSameAs(uri);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> uri.requireOptions(Set.of("limit", "decay")))
        .withMessageContaining("lmit")
        .withMessageContaining("[decay, limit]");
  }
}
