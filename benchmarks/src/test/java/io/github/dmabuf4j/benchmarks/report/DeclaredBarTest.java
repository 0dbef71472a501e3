package io.github.dmabuf4j.benchmarks.report;

import static io.github.dmabuf4j.benchmarks.report.Reports.trial;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.benchmarks.CrossThreadBenchmark;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class DeclaredBarTest {
  static final class Misspelled {
    @Bar(
        row = "row",
        of = {"strategy=dmabuf", "size=1"},
        peers = {@Peer(method = "nobody"), @Peer(with = "strategy=netty")},
        counter = "committed",
        atMost = 0.5,
        stretch = 1)
    void method() {}
  }

  static final class Unreadable {
    @Bar(row = "row", of = "dmabuf4j", atMost = 1)
    void method() {}
  }

  @Test
  void misspelledNames_areAllSaid() {
    List<Trial> trials =
        List.of(Trial.of(Misspelled.class.getName() + ".method", Map.of("strategy", "dmabuf4j")));

    assertThat(DeclaredBar.of(Misspelled.class).getFirst().mistakes(trials))
        .containsExactly(
            "DeclaredBarTest$Misspelled.method, row: strategy of method is one of [dmabuf4j]",
            "DeclaredBarTest$Misspelled.method, row: method has no parameter size",
            "DeclaredBarTest$Misspelled.method, row: there is no benchmark nobody",
            "DeclaredBarTest$Misspelled.method, row: strategy of method is one of [dmabuf4j]",
            "DeclaredBarTest$Misspelled.method, row: a counter's name goes with measure = COUNTER,"
                + " and with nothing else",
            "DeclaredBarTest$Misspelled.method, row: wanted 0 ≤ stretch ≤ atMost, got 1.0 and 0.5");
  }

  @Test
  void group_isWhatIsMeasured_ofABarOnOneOfItsMethods() {
    String type = CrossThreadBenchmark.class.getName();
    DeclaredBar grouped = DeclaredBar.of(CrossThreadBenchmark.class).getFirst();

    assertThat(
            grouped.mistakes(
                List.of(
                    Trial.of(type + ".handOver", Map.of("strategy", "dmabuf4j")),
                    Trial.of(type + ".handOver", Map.of("strategy", "netty-pooled")))))
        .isEmpty();
    assertThat(
            grouped.mistakes(List.of(Trial.of(type + ".allocate", Map.of("strategy", "dmabuf4j")))))
        .isNotEmpty()
        .allMatch(mistake -> mistake.contains("there is no benchmark handOver"));
  }

  @Test
  void wordWithoutAnEqualsSign_isRefused() {
    assertThatThrownBy(() -> DeclaredBar.of(Unreadable.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("wanted name=value or name=value|value, got dmabuf4j");
  }

  @Test
  void peerThatNeverFits_isAMistake() {
    DeclaredBar live =
        DeclaredBar.of(Reports.Allocations.class).stream()
            .filter(bar -> bar.bar().row().equals("live set"))
            .findFirst()
            .orElseThrow();

    assertThat(
            live.mistakes(
                List.of(
                    trial("live", "strategy=dmabuf4j", "live=1000000"),
                    trial("live", "strategy=netty", "live=1000"))))
        .singleElement()
        .asString()
        .contains("has nothing to compare");
  }

  @Test
  void starStandsForAnything_andOtherCharactersForThemselves() {
    ParameterPattern pattern = ParameterPattern.parse("strategy=netty-*|a.b=c");

    assertThat(pattern.name()).isEqualTo("strategy");
    assertThat(List.of("netty-", "netty-pooled", "a.b=c")).allMatch(pattern::matches);
    assertThat(List.of("netty", "a-netty-b", "axb=c", "")).noneMatch(pattern::matches);
  }
}
