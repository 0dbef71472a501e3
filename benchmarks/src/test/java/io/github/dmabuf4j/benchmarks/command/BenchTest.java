package io.github.dmabuf4j.benchmarks.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.benchmarks.report.DeclaredBar;
import io.github.dmabuf4j.benchmarks.report.Trial;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command as somebody types it: real forks, as short as can be. */
final class BenchTest {
  @TempDir private static Path folder;

  @Test
  void tinyRun_writesBothFiles_withRatiosAndFigures() throws Exception {
    Path out = folder.resolve("new/tiny");

    BenchRun run =
        BenchRun.tiny("--out", out, "Reservation.pair", "Baseline", "--param", "bytes=4096");

    assertThat(run.status()).as("%s", run.err()).isZero();
    assertThat(run.out().getFirst()).startsWith("bar ");
    assertThat(run.out()).anyMatch(line -> line.startsWith("reservation lock + unlock"));
    assertThat(run.out().getLast()).contains("report.html", "report.json", "jmh.log");
    assertThat(run.err()).anyMatch(line -> line.matches("5 of 5: ReservationBenchmark.pair .*"));
    JsonNode json = JsonMapper.shared().readTree(out.resolve("report.json"));
    assertThat(json.get("isTruncated").asBoolean()).isFalse();
    assertThat(json.get("measurements").size()).isEqualTo(5);
    assertThat(json.get("jmh").size()).isEqualTo(5);
    assertThat(json.at("/jmh/0/primaryMetric/scoreUnit").asString()).isEqualTo("ns/op");
    for (JsonNode one : json.get("measurements")) {
      assertThat(one.at("/score/value").asDouble()).isPositive();
      assertThat(one.at("/others/cpu.time.norm/value").isNumber()).isTrue();
    }
    assertThat(json.get("regions").isEmpty()).isTrue();
    assertThat(json.get("bars").size()).isEqualTo(1);
    assertThat(json.at("/bars/0/ratio/value").asDouble()).isPositive();
    assertThat(json.at("/bars/0/peer").asString()).endsWith("strategy=reentrantLock");
    String page = Files.readString(out.resolve("report.html"));
    assertThat(page).contains("Chart.js v", "BaselineBenchmark", "ReservationBenchmark.pair");
    assertThat(page).doesNotContainPattern("(?i)<script\\b[^>]*\\bsrc|<link\\b|url\\(http");
  }

  @Test
  void runOfTheContiguousBenchmark_showsARegionBeforeAndAfterCompaction() throws Exception {
    Path out = folder.resolve("contiguous");

    BenchRun run =
        BenchRun.tiny(
            "--out", out, "Contiguous", "--param", "policy=NORMAL", "--param", "bytes=1048576");

    assertThat(run.status()).as("%s", run.err()).isZero();
    JsonNode regions = JsonMapper.shared().readTree(out.resolve("report.json")).get("regions");
    assertThat(regions.size()).isEqualTo(1);
    assertThat(regions.at("/0/movedBytes").asLong()).isPositive();
    FragmentationMap before = map(regions.at("/0/before"));
    FragmentationMap after = map(regions.at("/0/after"));
    assertThat(after.largestFree()).isGreaterThan(before.largestFree());
    String page = Files.readString(out.resolve("report.html"));
    assertThat(page.split("<svg class=\"map\"", -1)).hasSize(3);
    assertThat(page)
        .contains(
            ByteSize.format(before.largestFree()) + " of it in one piece",
            ByteSize.format(after.largestFree()) + " of it in one piece");
  }

  private static FragmentationMap map(JsonNode json) {
    return JsonMapper.shared().treeToValue(json, FragmentationMap.class);
  }

  @Test
  void failedBenchmark_isNamed_andTheOthersAreReported() throws Exception {
    Path out = folder.resolve("failing");

    BenchRun run =
        BenchRun.tiny(
            "--out", out, "Reservation.pair", "--param", "strategy=dmabuf4j,<script>nobody\"");

    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err())
        .contains("failed: ReservationBenchmark.pair strategy=<script>nobody\"")
        .noneMatch(line -> line.contains("Exception"));
    JsonNode json = JsonMapper.shared().readTree(out.resolve("report.json"));
    assertThat(json.get("failures").size()).isEqualTo(1);
    assertThat(json.get("measurements").size()).isEqualTo(1);
    assertThat(Files.readString(out.resolve("report.html")))
        .contains("strategy&#x3D;&lt;script&gt;nobody&quot;")
        .doesNotContain("<script>nobody");
    assertThat(Files.readString(out.resolve("jmh.log"))).contains("IllegalArgumentException");
  }

  static Stream<Arguments> badInput() throws Exception {
    Path text = Files.writeString(folder.resolve("text"), "text");
    Path taken = Files.createDirectories(folder.resolve("taken/report.html"));
    return Stream.of(
        bad("there is no benchmark Fense: wanted AllocateCloseBenchmark, ", "Fense"),
        bad("there is no benchmark Fence.signals: wanted ", "Fence.signals"),
        bad("--quick sets forks", "--quick", "--forks", "3"),
        bad("--quick sets forks", "--time=1s", "--quick"),
        bad("--forks: wanted a number of at least 1, got 0", "--forks", "0"),
        bad("--warmups: wanted a number of at least 0, got -1", "--warmups=-1"),
        bad("--iterations", "--iterations", "many"),
        bad("--time: wanted a time such as 100ms or 2s, got soon", "--time", "soon"),
        bad("--time: wanted a time such as 100ms or 2s, got -1s", "--time=-1s"),
        bad("no parameter bytez, but bytes", "Baseline", "--param", "bytez=1"),
        bad("no parameter bytes, and no other", "Cpuaccess", "--param", "bytes=1"),
        bad("--param: wanted bytes=VALUE", "Baseline", "--param", "bytes=1,,2"),
        bad("--out: %s exists and is not a folder".formatted(text), "--out", text),
        bad("--out: ", "--out", text.resolve("below-a-file")),
        bad("--out: %s can't be written".formatted(taken), "--out", taken.getParent()),
        bad("--faster", "--faster"));
  }

  private static Arguments bad(String message, Object... arguments) {
    return Arguments.of(message, arguments);
  }

  @ParameterizedTest
  @MethodSource
  void badInput(String message, Object[] arguments) {
    BenchRun run = BenchRun.of(arguments);

    assertThat(run.err()).hasSize(1);
    assertThat(run.err().getFirst())
        .startsWith("dmabuf4j: ")
        .contains(message)
        .doesNotContain("Exception");
    assertThat(run.out()).isEmpty();
    assertThat(run.status()).isEqualTo(2);
  }

  @Test
  void list_namesBenchmarksAndParameters_andRunsNone() {
    BenchRun run = BenchRun.of("--list", "fence", "VmapBenchmark.pool");

    assertThat(run.status()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .contains("VmapBenchmark.pool")
        .anyMatch(line -> line.startsWith("FenceBenchmark.signal strategy=dmabuf4j|"))
        .allMatch(line -> line.startsWith("Fence") || line.equals("VmapBenchmark.pool"));
  }

  @Test
  void declaredBars_speakOfBenchmarksAndValuesThatExist() {
    List<Trial> trials = Selection.all().trials();
    List<DeclaredBar> bars = DeclaredBar.of(trials);

    assertThat(bars).hasSizeGreaterThan(10);
    assertThat(bars).flatExtracting(bar -> bar.mistakes(trials)).isEmpty();
  }
}
