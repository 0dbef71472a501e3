package io.github.dmabuf4j.benchmarks.command;

import io.github.dmabuf4j.benchmarks.report.Trial;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Which benchmarks are to run, with which values of their parameters. */
final class Selection {
  private static final String SUFFIX = "benchmark";

  private final List<BenchmarkListEntry> entries;
  private final Map<String, List<String>> overrides;

  private Selection(List<BenchmarkListEntry> entries, Map<String, List<String>> overrides) {
    this.entries = entries;
    this.overrides = overrides;
  }

  /** Every benchmark. */
  static Selection all() {
    return new Selection(List.copyOf(known()), Map.of());
  }

  private static Collection<BenchmarkListEntry> known() {
    return BenchmarkList.defaultList()
        .getAll(
            OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT), List.of());
  }

  /**
   * Some benchmarks.
   *
   * @param names classes, with or without {@code Benchmark} at the end, or a class, a dot and a
   *     method, in any case; none for all
   * @param overrides values in place of those that the benchmarks have, by the parameter's name
   * @throws BadInputException if a name or a parameter isn't that of any benchmark
   */
  static Selection of(List<String> names, Map<String, List<String>> overrides)
      throws BadInputException {
    Collection<BenchmarkListEntry> known = known();
    List<BenchmarkListEntry> entries = new ArrayList<>();
    for (String name : names) {
      List<BenchmarkListEntry> named = known.stream().filter(entry -> is(entry, name)).toList();
      if (named.isEmpty()) {
        throw new BadInputException(
            "there is no benchmark %s: wanted %s, or a method of one; --list names them"
                .formatted(name, String.join(", ", types(known))));
      }
      entries.addAll(named);
    }
    Selection selection =
        new Selection(
            names.isEmpty() ? List.copyOf(known) : entries.stream().distinct().toList(), overrides);
    selection.checkParameters();
    return selection;
  }

  private static Set<String> types(Collection<BenchmarkListEntry> entries) {
    return entries.stream()
        .map(entry -> Trial.of(entry.getUsername(), Map.of()).simpleType())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static boolean is(BenchmarkListEntry entry, String name) {
    Trial trial = Trial.of(entry.getUsername(), Map.of());
    String type = trial.simpleType().toLowerCase(Locale.ROOT);
    String method = "." + trial.method().toLowerCase(Locale.ROOT);
    String asked = name.toLowerCase(Locale.ROOT);
    Stream<String> types =
        type.endsWith(SUFFIX)
            ? Stream.of(type, type.substring(0, type.length() - SUFFIX.length()))
            : Stream.of(type);
    return types.anyMatch(one -> asked.equals(one) || asked.equals(one + method));
  }

  private void checkParameters() throws BadInputException {
    Set<String> known = new TreeSet<>();
    entries.forEach(entry -> known.addAll(parameters(entry).keySet()));
    for (String name : overrides.keySet()) {
      if (!known.contains(name)) {
        throw new BadInputException(
            "--param: the benchmarks have no parameter %s, %s"
                .formatted(
                    name, known.isEmpty() ? "and no other" : "but " + String.join(", ", known)));
      }
    }
  }

  private Map<String, List<String>> parameters(BenchmarkListEntry entry) {
    Map<String, List<String>> parameters = new TreeMap<>();
    entry
        .getParams()
        .orElse(Map.of())
        .forEach(
            (name, values) ->
                parameters.put(name, overrides.getOrDefault(name, Arrays.asList(values))));
    return parameters;
  }

  /** What JMH will measure, in its order. */
  List<Trial> trials() {
    List<Trial> trials = new ArrayList<>();
    for (BenchmarkListEntry entry : entries) {
      List<Map<String, String>> combinations = List.of(Map.of());
      for (Map.Entry<String, List<String>> parameter : parameters(entry).entrySet()) {
        combinations =
            combinations.stream()
                .flatMap(
                    before ->
                        parameter.getValue().stream()
                            .map(value -> with(before, parameter.getKey(), value)))
                .toList();
      }
      combinations.forEach(one -> trials.add(Trial.of(entry.getUsername(), one)));
    }
    return trials;
  }

  private static Map<String, String> with(Map<String, String> map, String name, String value) {
    Map<String, String> more = new TreeMap<>(map);
    more.put(name, value);
    return more;
  }

  /** Regular expressions that match the names of these benchmarks and no others. */
  List<String> includes() {
    return entries.stream()
        .map(entry -> "^" + Pattern.quote(entry.getUsername()) + "$")
        .distinct()
        .toList();
  }

  /** A line for each benchmark: its name, its parameters and their values. */
  List<String> lines() {
    return entries.stream()
        .map(
            entry -> {
              StringBuilder line =
                  new StringBuilder(Trial.of(entry.getUsername(), Map.of()).shortName());
              parameters(entry)
                  .forEach((name, all) -> line.append(" " + name + "=" + String.join("|", all)));
              return line.toString();
            })
        .distinct()
        .toList();
  }
}
