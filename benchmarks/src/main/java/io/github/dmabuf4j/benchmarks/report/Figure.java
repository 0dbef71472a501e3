package io.github.dmabuf4j.benchmarks.report;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A measured value.
 *
 * @param value the mean of the iterations
 * @param error half the width of its confidence interval at 99.9 %; null if there were too few
 *     iterations to tell
 * @param unit such as {@code ns/op}
 */
public record Figure(double value, @Nullable Double error, String unit) {
  /** The figure whose error JMH gives as NaN if it is unknown. */
  static Figure of(double value, double error, String unit) {
    return new Figure(value, Double.isFinite(error) ? error : null, unit);
  }

  /** The value and its unit, for people: {@code 12.3 ns/op}. */
  public String text() {
    return number(value) + " " + unit;
  }

  /** The value with its error and its unit, for people: {@code 12.3 ± 0.4 ns/op}. */
  public String textWithError() {
    return error == null ? text() : number(value) + " ± " + number(error) + " " + unit;
  }

  /** A number with three digits that count, and none behind the point from 1,000 on. */
  static String number(double value) {
    double size = Math.abs(value);
    if (!Double.isFinite(value)) {
      return "–";
    } else if (size == 0) {
      return "0";
    } else if (size < 0.001) {
      return String.format(Locale.ROOT, "%.1e", value);
    } else if (size >= 100) {
      return String.format(Locale.ROOT, "%,.0f", value);
    } else if (size >= 10) {
      return String.format(Locale.ROOT, "%.1f", value);
    }
    return String.format(Locale.ROOT, size < 1 ? "%.3f" : "%.2f", value);
  }
}
