package io.github.dmabuf4j.benchmarks.report;

import java.util.ArrayList;
import java.util.List;

/** The bars and what came out, as text. */
public final class BarTable {
  private static final List<String> HEAD =
      List.of("bar", "ours", "best peer", "ratio", "wanted", "stretch", "result");

  private BarTable() {}

  /**
   * The lines of the table: one for each result, and one below it for each remark.
   *
   * @return nothing if there are no results
   */
  public static List<String> lines(List<BarResult> results) {
    if (results.isEmpty()) {
      return List.of();
    }
    List<List<String>> rows = new ArrayList<>();
    rows.add(HEAD);
    results.forEach(result -> rows.add(cells(result)));
    int[] widths = new int[HEAD.size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    List<String> lines = new ArrayList<>();
    lines.add(line(HEAD, widths));
    for (int i = 0; i < results.size(); i++) {
      lines.add(line(rows.get(i + 1), widths));
      results.get(i).remarks().forEach(remark -> lines.add("  " + remark));
    }
    return lines;
  }

  private static List<String> cells(BarResult result) {
    Figure ours = result.ours();
    Figure peers = result.peers();
    return List.of(
        result.name(),
        ours == null ? "–" : ours.text(),
        peers == null ? "" : peers.text() + ", " + result.shortPeer(),
        result.isLimit() ? "" : result.figure(),
        result.wanted(),
        result.wished(),
        result.outcome());
  }

  private static String line(List<String> cells, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      String padding = " ".repeat(widths[i] - cells.get(i).length());
      boolean isText = i == 0 || i == 2 || i == widths.length - 1;
      line.append(isText ? cells.get(i) + padding : padding + cells.get(i)).append("  ");
    }
    return line.toString().stripTrailing();
  }
}
