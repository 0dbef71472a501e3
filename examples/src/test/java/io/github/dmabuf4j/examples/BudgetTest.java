package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A budget holds: the decoder waits for the encoder, and nothing gets stuck. */
@Timeout(60) // a deadlock fails instead of hanging
final class BudgetTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"3MiB", "4MiB", "5MiB", "6MiB", "8MiB"})
  void clip_getsByWithLittle(String budget) {
    CommandLineRun run =
        CommandLineRun.of("demo", "--budget", budget, "--frames", 60, "--out", folder);

    check(run, 60);
  }

  @ParameterizedTest
  @CsvSource({
    "h264.mp4, libopenh264, 4MiB",
    "h264.mp4, libopenh264, 1500KiB",
    "vp9.webm, libvpx-vp9 -deadline realtime -cpu-used 8, 4MiB",
    "vp9.webm, libvpx-vp9 -deadline realtime -cpu-used 8, 2MiB",
  })
  void frameThreads_getByWithLittleOrAreRefused(String name, String codec, String budget)
      throws Exception {
    Path video =
        TestVideos.make(folder.resolve(name), ("-s 320x180 -frames:v 60 -c:v " + codec).split(" "));

    CommandLineRun run = CommandLineRun.of("demo", video, "--budget", budget, "--out", folder);

    if (run.status() == 2) {
      assertThat(run.err()).singleElement().asString().contains("too small", "need");
    } else {
      check(run, 60);
    }
  }

  private static void check(CommandLineRun run, long frames) {
    assertThat(run.status()).as("%s", run.err()).isZero();
    CommandLineRun.Summary summary = run.summary();
    assertThat(summary.number("frames")).isEqualTo(frames);
    assertThat(summary.number("leaked")).isZero();
    assertThat(summary.number("copied_bytes")).isZero();
    assertThat(summary.number("peak_bytes")).isLessThanOrEqualTo(summary.number("budget_bytes"));
  }
}
