package io.github.dmabuf4j.benchmarks.report;

import static io.github.dmabuf4j.benchmarks.report.Reports.measured;
import static io.github.dmabuf4j.benchmarks.report.Reports.trial;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.FragmentationMap.Run;
import io.github.dmabuf4j.FragmentationMap.Use;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class HtmlPageTest {
  private static final String EVIL = "</script><script>alert(1)</script><!--&'\"";

  private static String page(List<Measurement> measured) {
    return HtmlPage.of(Reports.report(measured, Reports.judge(measured)));
  }

  private static int count(String text, String regex) {
    return (int) Pattern.compile(regex).matcher(text).results().count();
  }

  @Test
  void page_hasTheLibraryInside_andAsksForNothingElse() {
    String page =
        page(List.of(measured(trial("bulk"), 4, 1.0), measured(trial("single"), 100, 1.0)));

    assertThat(page)
        .contains("Chart.js v", "Permission is hereby granted", "default-src &#39;none&#39;;");
    assertThat(page).doesNotContain("sourceMappingURL");
    assertThat(count(page, "(?i)<(link|img|iframe|object|embed|base)\\b")).isZero();
    assertThat(count(page, "(?i)\\b(src|href|action|srcset)\\s*=\\s*[\"']?\\s*(https?:)?//"))
        .isZero();
    assertThat(count(page, "(?i)@import|url\\(\\s*[\"']?(https?:)?//")).isZero();
    assertThat(count(page, "(?i)<script\\b[^>]*\\bsrc")).isZero();
  }

  @Test
  void markupInNames_staysText_inTheTableAndInTheData() {
    List<Measurement> measured =
        List.of(measured(trial("pattern", "strategy=dmabuf4j", "size=" + EVIL), 4, 1.0));

    String page = page(measured);

    assertThat(page).doesNotContain("<script>alert").doesNotContain("<!--");
    assertThat(count(page, "<script\\b")).isEqualTo(3);
    assertThat(count(page, "</script>")).isEqualTo(3);
    assertThat(page).contains("&lt;/script&gt;&lt;script&gt;alert(1)");
    assertThat(data(page).at("/charts/0/categories/0").asString()).isEqualTo("size=" + EVIL);
  }

  /** What the page's script reads. */
  private static JsonNode data(String page) {
    String begin = "id=\"data\">";
    int from = page.indexOf(begin) + begin.length();
    return JsonMapper.shared().readTree(page.substring(from, page.indexOf("</script>", from)));
  }

  @Test
  void eachChart_hasATableBehindIt_withEveryFigure() {
    String page =
        page(
            List.of(
                measured(trial("bulk"), 4.25, 0.5, Map.of("committed", new Figure(7, null, "#"))),
                measured(trial("single"), 1234, null)));

    assertThat(data(page).get("charts").size()).isEqualTo(1);
    assertThat(count(page, "<canvas id=\"chart-")).isEqualTo(1);
    assertThat(page)
        .contains("<td>4.25 ± 0.500 ns/op</td>", "<td>7.00 #</td>", "<td>1,234 ns/op</td>");
  }

  @Test
  void farApartValues_areDrawnOnALogarithmicScale() {
    Trial near = trial("bulk");
    Trial far = trial("single");
    assertThat(chart(measured(near, 1, null), measured(far, 19, null)).isLogarithmic()).isFalse();
    assertThat(chart(measured(near, 1, null), measured(far, 21, null)).isLogarithmic()).isTrue();
    assertThat(chart(measured(near, 0, null), measured(far, 21, null)).isLogarithmic()).isFalse();
  }

  private static Chart.Panel chart(Measurement... measured) {
    return Charts.of(List.of(measured)).getFirst().panels().getFirst();
  }

  @Test
  void longChart_isSplitByTheParameterWithTheFewestValues_andLosesNothing() {
    List<Measurement> measured = new ArrayList<>();
    for (String strategy : List.of("netty", "dmabuf4j", "malloc")) {
      for (int bytes = 1; bytes <= 16; bytes++) {
        for (String zeroed : List.of("true", "false")) {
          Trial trial =
              trial("allocateClose", "strategy=" + strategy, "bytes=" + bytes, "zeroed=" + zeroed);
          measured.add(measured(trial, bytes, null));
        }
      }
    }

    List<Chart> charts = Charts.of(measured);

    assertThat(charts)
        .extracting(Chart::title)
        .containsExactly(
            "Reports$Allocations.allocateClose, zeroed=true",
            "Reports$Allocations.allocateClose, zeroed=false");
    assertThat(charts).allSatisfy(chart -> assertThat(chart.rows()).hasSize(48));
    assertThat(charts.getFirst().panels().getFirst().series())
        .extracting(Chart.Series::name)
        .containsExactly("dmabuf4j", "netty", "malloc");
  }

  @Test
  void compactedRegion_isDrawnBeforeAndAfter_andSaysSoInWords() {
    FragmentationMap before =
        new FragmentationMap(
            1 << 20,
            List.of(
                new Run(0, 4096, Use.MOVABLE),
                new Run(4096, 8192, Use.MOVABLE),
                new Run(12_288, 4096, Use.FREE),
                new Run(16_384, 65_536, Use.PINNED),
                new Run(81_920, (1 << 20) - 81_920, Use.FREE)));
    FragmentationMap after =
        new FragmentationMap(1 << 20, List.of(new Run(0, 1 << 20, Use.LONG_PINNED)));

    String page =
        HtmlPage.of(
            Reports.report(
                List.of(), List.of(), List.of(new CompactedRegion(EVIL, 4096, before, after))));

    assertThat(page).contains("948 KiB of 1 MiB free, 944 KiB of it in one piece");
    assertThat(count(page, "<svg class=\"map\" viewBox=\"0 0 16 384\"")).isEqualTo(2);
    assertThat(count(page, "<rect class=\"movable\"")).as("neighbours are one").isEqualTo(1);
    assertThat(page)
        .contains("<rect class=\"movable\" x=\"0\" y=\"0\" width=\"3\" height=\"20\"/>")
        .contains("<rect class=\"pinned\" x=\"4\" y=\"0\" width=\"12\" height=\"20\"/>")
        .contains("<rect class=\"pinned\" x=\"0\" y=\"24\" width=\"4\" height=\"20\"/>");
    assertThat(count(page, "<rect class=\"long-pinned\"")).as("one for each row").isEqualTo(16);
    assertThat(page).doesNotContain("<script>alert");
  }

  @Test
  void reportOfNothing_isStillAPage() {
    assertThat(page(List.of())).contains("Nothing was measured.", "None of the measured");
  }
}
