package io.github.dmabuf4j.benchmarks.report;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which values a parameter may have: {@code name=value|value}, in which {@code *} stands for any
 * characters.
 */
final class ParameterPattern {
  private final String name;
  private final List<Pattern> values;

  private ParameterPattern(String name, List<Pattern> values) {
    this.name = name;
    this.values = values;
  }

  /**
   * Reads a word.
   *
   * @throws IllegalArgumentException if it isn't a name, an equals sign and values
   */
  static ParameterPattern parse(String word) {
    int equals = word.indexOf('=');
    if (equals < 1) {
      throw new IllegalArgumentException("wanted name=value or name=value|value, got " + word);
    }
    return new ParameterPattern(
        word.substring(0, equals),
        Arrays.stream(word.substring(equals + 1).split("\\|", -1))
            .map(ParameterPattern::glob)
            .toList());
  }

  private static Pattern glob(String value) {
    return Pattern.compile(
        Arrays.stream(value.split("\\*", -1)).map(Pattern::quote).collect(Collectors.joining(".*")),
        Pattern.DOTALL);
  }

  String name() {
    return name;
  }

  boolean matches(String value) {
    return values.stream().anyMatch(pattern -> pattern.matcher(value).matches());
  }

  /** Whether each of the alternatives is one of the values: otherwise something is misspelled. */
  boolean isOf(List<String> known) {
    return values.stream()
        .allMatch(pattern -> known.stream().anyMatch(value -> pattern.matcher(value).matches()));
  }
}
