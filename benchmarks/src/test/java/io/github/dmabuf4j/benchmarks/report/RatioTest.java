package io.github.dmabuf4j.benchmarks.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

final class RatioTest {
  private static Figure figure(double value, Double error) {
    return new Figure(value, error, "ns/op");
  }

  @Test
  void errors_giveTheIntervalOfTheQuotient() {
    Ratio ratio = Ratio.of(figure(10, 2.0), figure(40, 8.0)).orElseThrow();

    assertThat(ratio.value()).isEqualTo(0.25);
    assertThat(ratio.low()).isCloseTo(8.0 / 48, within(1e-12));
    assertThat(ratio.high()).isCloseTo(12.0 / 32, within(1e-12));
  }

  @Test
  void unknownError_givesNoInterval() {
    Ratio ratio = Ratio.of(figure(10, null), figure(40, 8.0)).orElseThrow();

    assertThat(ratio).isEqualTo(new Ratio(0.25, null, null));
    assertThat(ratio.interval()).isEmpty();
  }

  @Test
  void peerThatMayBeZero_leavesTheRatioWithoutAnUpperEnd() {
    Ratio ratio = Ratio.of(figure(10, 20.0), figure(1, 1.0)).orElseThrow();

    assertThat(ratio.low()).isZero();
    assertThat(ratio.high()).isNull();
    assertThat(ratio.interval()).endsWith("to any");
  }

  @Test
  void zeros_areEqual_butNothingIsAMultipleOfZero() {
    assertThat(Ratio.of(figure(0, null), figure(0, null)).orElseThrow().value()).isEqualTo(1);
    assertThat(Ratio.of(figure(1, null), figure(0, null))).isEmpty();
    assertThat(Ratio.of(figure(0, null), figure(3, null)).orElseThrow().value()).isZero();
  }

  @Property
  void quotientOfAnyValuesInsideTheErrors_liesInTheInterval(
      @ForAll @DoubleRange(min = 0.5, max = 1e6) double ours,
      @ForAll @DoubleRange(min = 0.5, max = 1e6) double peers,
      @ForAll @DoubleRange(min = 0, max = 0.4) double error,
      @ForAll @DoubleRange(min = -1, max = 1) double where) {
    Ratio ratio = Ratio.of(figure(ours, ours * error), figure(peers, peers * error)).orElseThrow();

    double seen = ours * (1 + where * error) / (peers * (1 - where * error));
    assertThat(seen).isBetween(ratio.low() * (1 - 1e-9), ratio.high() * (1 + 1e-9));
  }
}
