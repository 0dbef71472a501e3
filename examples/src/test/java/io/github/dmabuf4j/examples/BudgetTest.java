package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.examples.demo.Demo;
import io.github.dmabuf4j.examples.demo.DemoOptions;
import io.github.dmabuf4j.examples.demo.Summary;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A budget holds: the decoder waits for the encoder, and nothing gets stuck. */
@Timeout(60) // a deadlock fails instead of hanging
final class BudgetTest {
  private static final Pattern ADVICE = Pattern.compile("too small.*give at least (.*)");
  private static final long FRAMES = 60;

  @TempDir private Path folder;

  /** A run with so many decoder threads, on any machine. */
  private record Run(Summary summary, String messages) {
    static Run of(Path video, long budget, int threads) throws Exception {
      ByteArrayOutputStream said = new ByteArrayOutputStream();
      Path out = video.toAbsolutePath().getParent();
      DemoOptions options = new DemoOptions(video, out, budget, FRAMES, 1, threads);
      Demo demo = new Demo(options, "edges", new PrintStream(said, true, StandardCharsets.UTF_8));
      Summary summary = demo.runShared();
      assertThat(summary.frames()).isEqualTo(FRAMES);
      assertThat(summary.leaked()).isZero();
      assertThat(summary.copiedBytes()).isZero();
      assertThat(summary.peakBytes()).isLessThanOrEqualTo(budget);
      return new Run(summary, said.toString(StandardCharsets.UTF_8));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"3MiB", "4MiB", "5MiB", "6MiB", "8MiB"})
  void clip_getsByWithLittle(String budget) {
    CommandLineRun run =
        CommandLineRun.of("demo", "--budget", budget, "--frames", FRAMES, "--out", folder);

    assertThat(run.status()).as("%s", run.err()).isZero();
    CommandLineRun.Summary summary = run.summary();
    assertThat(summary.number("frames")).isEqualTo(FRAMES);
    assertThat(summary.number("leaked")).isZero();
    assertThat(summary.number("copied_bytes")).isZero();
    assertThat(summary.number("peak_bytes")).isLessThanOrEqualTo(summary.number("budget_bytes"));
  }

  @ParameterizedTest
  @CsvSource({
    "h264.mp4, libopenh264",
    "vp9.webm, libvpx-vp9 -deadline realtime -cpu-used 8",
  })
  void frameThreads_areAsManyAsTheBudgetHasRoomFor(String name, String codec) throws Exception {
    Path video = video(name, codec);

    assertThat(Run.of(video, 4 << 20, 2).messages()).isEmpty();

    long enoughForOne = followAdvice(video);
    assertThat(Run.of(video, enoughForOne, 1).messages()).isEmpty();
    assertThat(Run.of(video, enoughForOne, 2).messages())
        .isEqualToIgnoringNewLines("the budget left room for 1 decoder thread only");
  }

  /** From a budget that is too small to one that works, by what the refusals say. */
  private static long followAdvice(Path video) throws Exception {
    long budget = 128 << 10;
    while (true) {
      String refusal = refusal(video, budget);
      if (refusal.isEmpty()) {
        return budget;
      }
      Matcher advice = ADVICE.matcher(refusal);
      assertThat(advice.find()).as(refusal).isTrue();
      long more = ByteSize.parse(advice.group(1));
      assertThat(more).as(refusal).isBetween(budget + 1, 1L << 20);
      budget = more;
    }
  }

  private static String refusal(Path video, long budget) throws Exception {
    try {
      Run.of(video, budget, 1);
      return "";
    } catch (BadInputException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private Path video(String name, String codec) throws Exception {
    String options = "-s 320x180 -frames:v " + FRAMES + " -c:v " + codec;
    return TestVideos.make(folder.resolve(name), options.split(" "));
  }
}
