package io.github.dmabuf4j.benchmarks.report;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.samskivert.mustache.Mustache;
import io.github.dmabuf4j.ByteSize;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A report as a page of HTML that needs nothing else: style, scripts, the library that draws the
 * charts, and the data are inside. Its content security policy allows no request to anywhere, and
 * no script or style but those, by their hashes: text from a benchmark's parameters can't become
 * code, even if its escaping failed.
 */
public final class HtmlPage {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("d MMMM uuuu, HH:mm 'UTC'", Locale.ENGLISH)
          .withZone(ZoneOffset.UTC);

  private HtmlPage() {}

  /**
   * The page.
   *
   * @throws IllegalStateException if the template or the library isn't in the program
   */
  public static String of(Report report) {
    List<Chart> charts = Charts.of(report.measurements());
    String style = resource("report.css");
    String library = withoutSourceMap(resource("chart.umd.min.js"));
    String script = resource("report.js");
    List<Gauge> gauges = report.bars().stream().flatMap(bar -> Gauge.of(bar).stream()).toList();
    Map<String, Object> values =
        Map.ofEntries(
            Map.entry("report", report),
            Map.entry("started", TIME.format(report.started())),
            Map.entry("duration", duration(report.seconds())),
            Map.entry("passed", report.count(Verdict.PASS) + report.count(Verdict.STRETCH)),
            Map.entry("missed", report.count(Verdict.MISSED)),
            Map.entry("unknown", report.count(Verdict.UNKNOWN)),
            Map.entry("hasBars", !report.bars().isEmpty()),
            Map.entry("bars", report.bars().stream().map(Line::of).toList()),
            Map.entry("gauges", gauges.isEmpty() ? List.of() : List.of(gauges)),
            Map.entry("charts", charts),
            Map.entry("regions", report.regions().stream().map(Region::of).toList()),
            Map.entry("policy", policy(style, library, script)),
            Map.entry("style", style),
            Map.entry("library", library),
            Map.entry("script", script),
            Map.entry("licence", resource("chart.LICENSE.md").strip()),
            Map.entry("data", Json.forScript(Map.of("gauges", gauges, "charts", charts))));
    return Mustache.compiler()
        .escapeHTML(true)
        .nullValue("")
        .compile(resource("report.html.mustache"))
        .execute(values);
  }

  /** A result as the table shows it. */
  record Line(
      BarResult bar, String name, String ours, String peers, String interval, String verdict) {
    static Line of(BarResult bar) {
      Figure ours = bar.ours();
      Figure peers = bar.peers();
      Ratio ratio = bar.ratio();
      return new Line(
          bar,
          bar.name(),
          ours == null ? "–" : ours.textWithError(),
          peers == null ? "" : peers.textWithError(),
          ratio == null ? "" : ratio.interval(),
          bar.verdict().name().toLowerCase(Locale.ROOT));
    }
  }

  /** A region as the page shows it. */
  record Region(String title, String moved, List<MapPicture> pictures) {
    static Region of(CompactedRegion region) {
      return new Region(
          region.title(),
          ByteSize.format(region.movedBytes()),
          List.of(
              MapPicture.of("Before", region.before()),
              MapPicture.of("After compacting", region.after())));
    }
  }

  /** A result in multiples of its bar: 1 just passes. */
  record Gauge(
      String name, double value, @Nullable Double low, @Nullable Double high, Verdict verdict) {
    static List<Gauge> of(BarResult bar) {
      Ratio ratio = bar.ratio();
      Figure ours = bar.ours();
      if (bar.atMost() <= 0) {
        return List.of();
      } else if (ratio != null) {
        return List.of(
            new Gauge(
                bar.title(),
                ratio.value() / bar.atMost(),
                part(ratio.low(), bar),
                part(ratio.high(), bar),
                bar.verdict()));
      } else if (bar.isLimit() && ours != null) {
        return List.of(
            new Gauge(bar.title(), ours.value() / bar.atMost(), null, null, bar.verdict()));
      }
      return List.of();
    }

    private static @Nullable Double part(@Nullable Double value, BarResult bar) {
      return value == null ? null : (Double) (value / bar.atMost());
    }
  }

  private static String duration(double seconds) {
    return seconds < 120
        ? String.format(Locale.ROOT, "%.0f s", seconds)
        : String.format(Locale.ROOT, "%.0f min", seconds / 60);
  }

  private static String policy(String style, String... scripts) {
    StringBuilder policy = new StringBuilder("default-src 'none'; style-src " + hash(style));
    policy.append("; script-src");
    for (String script : scripts) {
      policy.append(' ').append(hash(script));
    }
    return policy.append("; base-uri 'none'; form-action 'none'").toString();
  }

  private static String hash(String text) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
      return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** A browser's tools would look for the map beside the page. */
  private static String withoutSourceMap(String script) {
    return script.replaceAll("(?m)^//# sourceMappingURL=.*$", "").strip();
  }

  private static String resource(String name) {
    try (InputStream in = HtmlPage.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " isn't in the program: build it with Maven");
      }
      return new String(in.readAllBytes(), UTF_8).replace("\r\n", "\n");
    } catch (IOException e) {
      throw new IllegalStateException(name + " can't be read", e);
    }
  }
}
