package io.github.dmabuf4j.benchmarks.report;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Ours divided by a peer's.
 *
 * @param value the ratio of the means
 * @param low the least that it can be if both means lie where their errors say; null if an error is
 *     unknown
 * @param high the most; null if an error is unknown, or if the peer's may be 0
 */
public record Ratio(double value, @Nullable Double low, @Nullable Double high) {
  /**
   * Divides. Two zeros are as good as each other: 1.
   *
   * @return empty if only the divisor is 0
   */
  static Optional<Ratio> of(Figure dividend, Figure divisor) {
    if (divisor.value() == 0) {
      return dividend.value() == 0 ? Optional.of(new Ratio(1, null, null)) : Optional.empty();
    }
    double value = dividend.value() / divisor.value();
    Double above = dividend.error();
    Double below = divisor.error();
    if (above == null || below == null) {
      return Optional.of(new Ratio(value, null, null));
    }
    double low = Math.max(0, dividend.value() - above) / (divisor.value() + below);
    double least = divisor.value() - below;
    Double high = least > 0 ? (dividend.value() + above) / least : null;
    return Optional.of(new Ratio(value, low, high));
  }

  /** For people: {@code 0.42 ×}. */
  public String text() {
    return Figure.number(value) + " ×";
  }

  /** For people: {@code 0.38 to 0.46}, or nothing if that is unknown. */
  public String interval() {
    if (low == null) {
      return "";
    }
    return Figure.number(low) + " to " + (high == null ? "any" : Figure.number(high));
  }
}
