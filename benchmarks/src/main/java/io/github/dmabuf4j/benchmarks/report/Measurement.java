package io.github.dmabuf4j.benchmarks.report;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.Result;

/**
 * What was measured in one trial.
 *
 * @param trial the benchmark and its parameters
 * @param mode JMH's short name of the mode: {@code avgt}, {@code thrpt}…
 * @param threads how many threads ran it
 * @param iterations how many iterations were measured, in all forks
 * @param isComplete whether these are all that were asked for
 * @param score the benchmark's own score
 * @param others what else was measured, by name: the profilers' results and the counters
 */
public record Measurement(
    Trial trial,
    String mode,
    int threads,
    int iterations,
    boolean isComplete,
    Figure score,
    Map<String, Figure> others) {
  private static final double CONFIDENCE = 0.999;

  /** Copies the results. */
  public Measurement {
    others = Collections.unmodifiableMap(new TreeMap<>(others));
  }

  /**
   * The measurement that JMH made.
   *
   * @param result the results of all forks
   * @param isComplete whether these are all that were asked for
   */
  public static Measurement of(BenchmarkResult result, boolean isComplete) {
    BenchmarkParams params = result.getParams();
    Map<String, Figure> others = new TreeMap<>();
    result.getSecondaryResults().forEach((label, other) -> others.put(label, figure(other)));
    return new Measurement(
        trial(params),
        params.getMode().shortLabel(),
        params.getThreads(),
        result.getIterationResults().size(),
        isComplete,
        figure(result.getPrimaryResult()),
        others);
  }

  /** The trial that JMH's parameters are those of. */
  public static Trial trial(BenchmarkParams params) {
    Map<String, String> parameters = new TreeMap<>();
    params.getParamsKeys().forEach(key -> parameters.put(key, params.getParam(key)));
    return Trial.of(params.getBenchmark(), parameters);
  }

  /** The mean, also of what JMH adds up: a sum depends on how many iterations there were. */
  private static Figure figure(Result<?> result) {
    return Figure.of(
        result.getStatistics().getMean(),
        result.getStatistics().getMeanErrorAt(CONFIDENCE),
        result.getScoreUnit());
  }

  /** Whether a higher score is a better one. */
  boolean countsPerTime() {
    return mode.equals(Mode.Throughput.shortLabel());
  }

  /**
   * What a bar is about.
   *
   * @param counter the name of the counter, for {@link Measure#COUNTER}
   * @return empty if it wasn't measured
   */
  Optional<Figure> figure(Measure measure, String counter) {
    return switch (measure) {
      case TIME -> Optional.of(score);
      case CPU_TIME -> Optional.ofNullable(others.get(Measure.CPU_TIME_LABEL));
      case JAVA_HEAP -> javaHeap();
      case COUNTER -> Optional.ofNullable(others.get(counter));
    };
  }

  /** JMH leaves the bytes per operation out where there were none. */
  private Optional<Figure> javaHeap() {
    Figure bytes = others.get(Measure.JAVA_HEAP_LABEL);
    Figure rate = others.get("gc.alloc.rate");
    if (bytes == null && rate != null && Double.isFinite(rate.value())) {
      return Optional.of(new Figure(0, null, "B/op"));
    }
    return Optional.ofNullable(bytes);
  }
}
