package io.github.dmabuf4j.benchmarks.report;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Makes charts of measurements. The methods of a class that have the same parameters and the same
 * unit share a chart; the parameter {@code strategy} gives the bars their colours. A chart that
 * would get too long is split by the parameter that has the fewest values.
 */
final class Charts {
  /** The parameter that tells ours from its peers. */
  static final String STRATEGY = "strategy";

  /** Whose colour is the first one. */
  private static final String OURS = "dmabuf4j";

  private static final int MOST_BARS = 60;
  private static final String METHOD = "";

  private final List<Chart> charts = new ArrayList<>();

  private Charts() {}

  static List<Chart> of(List<Measurement> measurements) {
    Charts charts = new Charts();
    measurements.stream()
        .collect(Collectors.groupingBy(Charts::kind, LinkedHashMap::new, Collectors.toList()))
        .values()
        .forEach(group -> charts.add(group, new TreeMap<>()));
    return charts.charts;
  }

  private static List<Object> kind(Measurement one) {
    Trial trial = one.trial();
    return List.of(trial.type(), trial.parameters().keySet(), one.mode(), one.score().unit());
  }

  /** Adds a chart, or several if one would be too long. */
  private void add(List<Measurement> group, Map<String, String> fixed) {
    if (group.size() > MOST_BARS) {
      Optional<String> axis = fewestValues(group);
      if (axis.isPresent()) {
        String name = axis.get();
        group.stream()
            .collect(
                Collectors.groupingBy(
                    one -> value(one, name), LinkedHashMap::new, Collectors.toList()))
            .forEach((value, part) -> add(part, with(fixed, name, value)));
        return;
      }
    }
    charts.add(chart(group, fixed));
  }

  private static Map<String, String> with(Map<String, String> map, String name, String value) {
    Map<String, String> more = new TreeMap<>(map);
    more.put(name, value);
    return more;
  }

  private static Optional<String> fewestValues(List<Measurement> group) {
    Set<String> names = new LinkedHashSet<>(List.of(METHOD));
    names.addAll(group.getFirst().trial().parameters().keySet());
    names.remove(STRATEGY);
    return names.stream()
        .filter(name -> values(group, name).size() > 1)
        .min(Comparator.comparingInt(name -> values(group, name).size()));
  }

  private static Set<String> values(List<Measurement> group, String name) {
    return group.stream()
        .map(one -> value(one, name))
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private static String value(Measurement one, String name) {
    return name.equals(METHOD)
        ? one.trial().method()
        : one.trial().parameters().getOrDefault(name, "");
  }

  private Chart chart(List<Measurement> group, Map<String, String> fixed) {
    Map<String, String> words = new TreeMap<>(fixed);
    boolean hasOneMethod = values(group, METHOD).size() == 1;
    Trial first = group.getFirst().trial();
    words.remove(METHOD);
    String title =
        hasOneMethod
            ? first.shortName()
            : first.simpleType() + ": " + String.join(", ", values(group, METHOD));
    Function<Measurement, String> category = one -> category(one.trial(), !hasOneMethod, fixed);
    List<String> categories = group.stream().map(category).distinct().toList();
    List<String> series = new ArrayList<>(values(group, STRATEGY));
    if (series.remove(OURS)) {
      series.addFirst(OURS);
    }
    Grid grid = new Grid(group, category, categories, series);
    return new Chart(
        "chart-" + (charts.size() + 1),
        words.isEmpty() ? title : title + ", " + Trial.words(words),
        categories,
        grid.panels());
  }

  private static String category(Trial trial, boolean withMethod, Map<String, String> fixed) {
    Map<String, String> rest = new TreeMap<>(trial.parameters());
    rest.remove(STRATEGY);
    rest.keySet().removeAll(fixed.keySet());
    String words = Trial.words(rest);
    return withMethod || words.isEmpty() ? (trial.method() + " " + words).strip() : words;
  }

  /** The measurements of a chart by category and series. */
  private record Grid(
      List<Measurement> group,
      Function<Measurement, String> category,
      List<String> categories,
      List<String> series) {
    List<Chart.Panel> panels() {
      List<Chart.Panel> panels = new ArrayList<>();
      panels.add(panel("Score", one -> Optional.of(one.score())));
      panels.add(panel("CPU time", one -> one.figure(Measure.CPU_TIME, "")));
      panels.add(panel("Java heap", one -> one.figure(Measure.JAVA_HEAP, "")));
      for (String counter : counters()) {
        panels.add(panel(counter, one -> one.figure(Measure.COUNTER, counter)));
      }
      panels.removeIf(Chart.Panel::isEmpty);
      return panels;
    }

    private Set<String> counters() {
      return group.stream()
          .flatMap(one -> one.others().keySet().stream())
          .filter(name -> !name.startsWith("gc.") && !name.equals(Measure.CPU_TIME_LABEL))
          .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private Chart.Panel panel(String name, Function<Measurement, Optional<Figure>> figure) {
      return Chart.Panel.of(
          name,
          series.stream().map(value -> new Chart.Series(value, figures(value, figure))).toList());
    }

    private List<@Nullable Figure> figures(
        String strategy, Function<Measurement, Optional<Figure>> figure) {
      Map<String, @Nullable Figure> found = new TreeMap<>();
      for (Measurement one : group) {
        if (value(one, STRATEGY).equals(strategy)) {
          found.putIfAbsent(category.apply(one), figure.apply(one).orElse(null));
        }
      }
      List<@Nullable Figure> figures = new ArrayList<>();
      categories.forEach(name -> figures.add(found.get(name)));
      return Collections.unmodifiableList(figures);
    }
  }
}
