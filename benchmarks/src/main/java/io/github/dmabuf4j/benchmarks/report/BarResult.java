package io.github.dmabuf4j.benchmarks.report;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A bar and what was measured against it, for one combination of the parameters that it holds for.
 *
 * @param row what the bar is about, in words
 * @param benchmark class and method that measure ours
 * @param parameters those of ours that may vary, so that rows of one bar differ in them
 * @param measure what is compared
 * @param counter the name of the counter, empty if it isn't one
 * @param ours what was measured; null if it wasn't
 * @param peer the best of the peers, its benchmark and its parameters; null if none was measured or
 *     the bar has none
 * @param peers what was measured of that peer; null if {@code peer} is
 * @param ratio how many times more ours costs than the peer; null if there is no peer to divide by
 * @param atMost the bar; a ratio, or, where {@code isLimit}, a value in the unit of ours
 * @param stretch the ratio or value that is wished for; null if nothing more is
 * @param isLimit whether the bar is on the value itself
 * @param verdict what came out
 * @param remarks what to know about it: peers that are missing, errors that reach across the bar
 */
public record BarResult(
    String row,
    String benchmark,
    Map<String, String> parameters,
    Measure measure,
    String counter,
    @Nullable Figure ours,
    @Nullable String peer,
    @Nullable Figure peers,
    @Nullable Ratio ratio,
    double atMost,
    @Nullable Double stretch,
    boolean isLimit,
    Verdict verdict,
    List<String> remarks) {
  /** Copies the remarks. */
  public BarResult {
    remarks = List.copyOf(remarks);
  }

  /** The row, and the parameters that tell it from others. */
  public String title() {
    return parameters.isEmpty() ? row : row + " (" + Trial.words(parameters) + ")";
  }

  /** The title, and what is compared if that isn't time and the row doesn't say it. */
  String name() {
    return measure == Measure.TIME || row.contains(measured())
        ? title()
        : title() + ", " + measured();
  }

  /** What is compared: {@code time}, or the counter's name. */
  public String measured() {
    return measure == Measure.COUNTER ? counter : measure.words();
  }

  /** The peer without the class, which is that of ours. */
  String shortPeer() {
    return peer == null ? "" : peer.substring(benchmark.lastIndexOf('.') + 1);
  }

  /** The ratio or the value, for people. */
  public String figure() {
    if (isLimit) {
      return ours == null ? "–" : ours.text();
    }
    return ratio == null ? "–" : ratio.text();
  }

  /** The bar, for people: {@code ≤ 0.5 ×}. */
  public String wanted() {
    return wanted(atMost);
  }

  /** The stretch, for people; empty if there is none. */
  public String wished() {
    return stretch == null ? "" : wanted(stretch);
  }

  private String wanted(double value) {
    String number = value == Math.rint(value) ? "%.0f".formatted(value) : Double.toString(value);
    return "≤ " + number + (isLimit ? "" : " ×");
  }

  /** {@code PASS}, or the figure that isn't good enough. */
  public String outcome() {
    return switch (verdict) {
      case STRETCH -> "PASS, stretch";
      case PASS -> "PASS";
      case MISSED, UNKNOWN -> figure();
    };
  }
}
