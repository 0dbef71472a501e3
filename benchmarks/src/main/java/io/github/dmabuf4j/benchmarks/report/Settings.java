package io.github.dmabuf4j.benchmarks.report;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How it was measured. What is null is set by each benchmark itself.
 *
 * @param jmh the version of JMH
 * @param names what was asked for; empty for every benchmark
 * @param isQuick whether the run was meant to be quick rather than exact
 * @param forks JVMs per trial
 * @param warmups iterations to warm up, per fork
 * @param iterations measured iterations, per fork
 * @param time how long an iteration takes, such as {@code 100 ms}
 * @param parameters values that were asked for, separated by commas, by the parameter's name
 */
public record Settings(
    String jmh,
    List<String> names,
    boolean isQuick,
    @Nullable Integer forks,
    @Nullable Integer warmups,
    @Nullable Integer iterations,
    @Nullable String time,
    Map<String, String> parameters) {
  /** Copies names and parameters. */
  public Settings {
    names = List.copyOf(names);
    parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
  }

  /** One line for people. */
  String text() {
    return "JMH %s; benchmarks: %s; forks: %s; iterations: %s to warm up, %s measured, of %s%s"
        .formatted(
            jmh,
            names.isEmpty() ? "all" : String.join(", ", names),
            text(forks),
            text(warmups),
            text(iterations),
            text(time),
            parameters.isEmpty() ? "" : "; only " + Trial.words(parameters));
  }

  private static String text(@Nullable Object value) {
    return value == null ? "as each benchmark says" : value.toString();
  }
}
