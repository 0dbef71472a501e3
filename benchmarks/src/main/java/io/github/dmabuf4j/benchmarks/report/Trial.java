package io.github.dmabuf4j.benchmarks.report;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A benchmark with a value for each of its parameters: what JMH measures in one go.
 *
 * @param type the full name of the class
 * @param method the name of the method, or of the group that it is measured in
 * @param parameters name and value, in the order of the names
 */
public record Trial(String type, String method, Map<String, String> parameters) {
  /** Copies the parameters. */
  public Trial {
    parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
  }

  /**
   * The trial of a benchmark.
   *
   * @param benchmark its full name: class, dot, method
   */
  public static Trial of(String benchmark, Map<String, String> parameters) {
    int dot = benchmark.lastIndexOf('.');
    return new Trial(benchmark.substring(0, dot), benchmark.substring(dot + 1), parameters);
  }

  /** The class without its package. */
  public String simpleType() {
    return type.substring(type.lastIndexOf('.') + 1);
  }

  /** {@code FenceBenchmark.signal}. */
  public String shortName() {
    return simpleType() + "." + method;
  }

  /** {@code FenceBenchmark.signal strategy=dmabuf4j}. */
  public String label() {
    return parameters.isEmpty() ? shortName() : shortName() + " " + words(parameters);
  }

  /** {@code count=8 strategy=dmabuf4j}. */
  static String words(Map<String, String> parameters) {
    return parameters.entrySet().stream()
        .map(entry -> entry.getKey() + "=" + entry.getValue())
        .collect(Collectors.joining(" "));
  }
}
