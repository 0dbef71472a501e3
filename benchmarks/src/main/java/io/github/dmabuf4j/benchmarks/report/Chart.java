package io.github.dmabuf4j.benchmarks.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Figures that are drawn in one chart, and stand in one table behind it.
 *
 * @param id its name in the page
 * @param title what was measured
 * @param categories one for each group of bars
 * @param panels what was measured, one at a time to be seen; the first one is the benchmark's score
 */
record Chart(String id, String title, List<String> categories, List<Panel> panels) {
  /**
   * One of the values of the trials.
   *
   * @param name such as {@code Java heap}
   * @param unit of all figures
   * @param isLogarithmic whether the values are too far apart for a linear scale
   * @param series what has a colour of its own
   */
  record Panel(String name, String unit, boolean isLogarithmic, List<Series> series) {
    private static final double FAR_APART = 20;

    static Panel of(String name, List<Series> series) {
      List<Figure> figures =
          series.stream()
              .flatMap(one -> one.figures().stream())
              .filter(one -> one != null)
              .toList();
      double most = figures.stream().mapToDouble(Figure::value).max().orElse(0);
      double least = figures.stream().mapToDouble(Figure::value).min().orElse(0);
      String unit = figures.isEmpty() ? "" : figures.getFirst().unit();
      return new Panel(name, unit, least > 0 && most > least * FAR_APART, series);
    }

    boolean isEmpty() {
      return series.stream().allMatch(one -> one.figures().stream().allMatch(f -> f == null));
    }
  }

  /**
   * What has a colour of its own: a strategy.
   *
   * @param name such as {@code dmabuf4j}
   * @param figures one for each category; null where nothing was measured
   */
  record Series(String name, List<@Nullable Figure> figures) {}

  /** A row of the table: a category, a series, and the text of a figure for each panel. */
  record Row(String category, String series, List<String> cells) {}

  /** The table behind the chart. */
  List<Row> rows() {
    List<Row> rows = new ArrayList<>();
    List<Series> series = panels.getFirst().series();
    for (int i = 0; i < categories.size(); i++) {
      for (int j = 0; j < series.size(); j++) {
        List<String> cells = cells(i, j);
        if (cells.stream().anyMatch(cell -> !cell.isEmpty())) {
          rows.add(new Row(categories.get(i), series.get(j).name(), cells));
        }
      }
    }
    return rows;
  }

  private List<String> cells(int category, int series) {
    return IntStream.range(0, panels.size())
        .mapToObj(panel -> panels.get(panel).series().get(series).figures().get(category))
        .map(figure -> figure == null ? "" : figure.textWithError())
        .toList();
  }
}
