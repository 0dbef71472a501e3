package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.examples.demo.Clip;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code demo --pressure}: more pictures than memory, and each as it was. */
@Timeout(120) // a deadlock fails instead of hanging
final class PressureTest {
  @TempDir private Path folder;

  private static CommandLineRun.Summary run(Object... arguments) {
    CommandLineRun run = CommandLineRun.of(arguments);
    assertThat(run.status()).as("%s", run.err()).isZero();
    CommandLineRun.Summary summary = run.summary();
    assertThat(summary.number("mismatches")).isZero();
    assertThat(summary.number("leaked")).isZero();
    assertThat(summary.number("peak_bytes"))
        .isPositive()
        .isLessThanOrEqualTo(summary.number("budget_bytes"));
    return summary;
  }

  @Test
  void clip_playsBackwardsFromAFifthOfItsSize() {
    CommandLineRun.Summary summary = run("demo", "--pressure");

    assertThat(summary.number("frames")).isEqualTo(190);
    assertThat(summary.number("working_set_bytes"))
        .isGreaterThan(summary.number("budget_bytes") * 4);
    assertThat(summary.number("evicted")).isPositive();
    assertThat(summary.number("restored")).isPositive();
    assertThat(summary.number("purged")).isGreaterThan(150);
    assertThat(summary.number("decoded_again")).isGreaterThanOrEqualTo(150);
    assertThat(summary.number("stored_bytes")).isLessThan(summary.number("evicted_bytes"));
  }

  /** Nothing can be decoded again for less: all of them are stored, most of them in the file. */
  @Test
  void keyFramesAlone_areAllEvicted_andComeBack() throws Exception {
    Path video =
        TestVideos.make(folder.resolve("intra.mpg"), "-c:v", "mpeg2video", "-g", "1", "-q:v", "3");

    CommandLineRun.Summary summary = run("demo", "--pressure", video, "--frames", 100);

    assertThat(summary.number("purged")).isZero();
    assertThat(summary.number("decoded_again")).isZero();
    assertThat(summary.number("evicted")).isGreaterThan(60);
    assertThat(summary.number("restored")).isGreaterThan(60);
  }

  /** Pictures that refer to later ones come in another order than they are decoded in. */
  @Test
  void picturesBetweenOthers_areDecodedAgainAsTheyWere() throws Exception {
    Path video =
        TestVideos.make(
            folder.resolve("b.mp4"), "-c:v", "mpeg4", "-bf", "2", "-g", "24", "-b:v", "2M");

    CommandLineRun.Summary summary = run("demo", "--pressure", video, "--frames", 90);

    assertThat(summary.number("frames")).isEqualTo(90);
    assertThat(summary.number("decoded_again")).isPositive();
  }

  @ParameterizedTest
  @CsvSource({
    "--budget=4KiB, can't be opened",
    "--budget=1MiB, can't be opened",
    "--compare, leave out --compare",
    "--loop=3, leave out --loop"
  })
  void badInput_isOneLine(String option, String said) {
    CommandLineRun run = CommandLineRun.of("demo", "--pressure", option, "--frames", 10);

    assertThat(run.status()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).last().asString().startsWith("dmabuf4j: ").contains(said);
  }

  /** How much the store needs to work in depends on the processors. */
  @Test
  void tooSmallABudget_isSaid() {
    CommandLineRun run = CommandLineRun.of("demo", "--pressure", "--budget", "2MiB");

    assertThat(run.status()).isEqualTo(2);
    assertThat(String.join("\n", run.err())).containsPattern("is too small|can't be opened");
  }

  @Test
  void cutVideo_isPlayedAsFarAsItGoes() throws Exception {
    try (Clip clip = Clip.unpack()) {
      Path video = TestVideos.cut(clip.file(), folder.resolve("cut.mpg"), 0.4);
      assertThat(run("demo", "--pressure", video).number("frames")).isBetween(40L, 120L);
      assertThat(Files.exists(folder.resolve("out"))).isFalse();
    }
  }
}
