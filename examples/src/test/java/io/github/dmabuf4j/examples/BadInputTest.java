package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.examples.demo.Clip;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What can't be used is refused in one line with exit status 2, and leaves nothing behind. */
final class BadInputTest {
  @TempDir private static Path folder;

  static Stream<Arguments> badInput() throws Exception {
    Path directory = Files.createDirectories(folder.resolve("directory.mpg"));
    Path text = Files.writeString(folder.resolve("text.mpg"), "not a video\n".repeat(100));
    Path empty = Files.createFile(folder.resolve("empty.mpg"));
    Path missing = folder.resolve("missing.mpg");
    return Stream.of(
        Arguments.of("there is no file " + missing, new Object[] {missing}),
        Arguments.of("is a directory", new Object[] {directory}),
        Arguments.of("is not a video", new Object[] {text}),
        Arguments.of("is empty", new Object[] {empty}),
        Arguments.of("--budget: wanted a size such as", new Object[] {"--budget", "plenty"}),
        Arguments.of("--budget: wanted a size above 0", new Object[] {"--budget", "0"}),
        Arguments.of("--budget: wanted a size such as", new Object[] {"--budget=-1"}),
        Arguments.of("--budget: wanted a size below", new Object[] {"--budget", "99999999TiB"}),
        Arguments.of("a budget of 1 bytes", new Object[] {"--budget", "1"}),
        Arguments.of(
            "a budget of 102400 bytes is too small, a frame alone needs",
            new Object[] {"--budget", "100KiB"}),
        Arguments.of("a budget of 1 MiB is too small", new Object[] {"--budget", "1MiB"}),
        Arguments.of("--frames: wanted a number", new Object[] {"--frames", "-1"}),
        Arguments.of("--frames", new Object[] {"--frames", "many"}),
        Arguments.of("--loop: wanted a number", new Object[] {"--loop", "0"}),
        Arguments.of("--runs: wanted a number", new Object[] {"--runs", "-3"}),
        Arguments.of("--out: ", new Object[] {"--out", text}),
        Arguments.of("--out: ", new Object[] {"--out", text.resolve("below-a-file")}),
        Arguments.of("--faster", new Object[] {"--faster"}));
  }

  @ParameterizedTest
  @MethodSource
  void badInput(String message, Object[] arguments) {
    Object[] all = new Object[arguments.length + 1];
    all[0] = "demo";
    System.arraycopy(arguments, 0, all, 1, arguments.length);

    checkRefused(CommandLineRun.of(withOut(all)), message);
  }

  /** Results of what should fail but doesn't go where they are removed again. */
  private static Object[] withOut(Object[] arguments) {
    if (Stream.of(arguments).anyMatch("--out"::equals)) {
      return arguments;
    }
    return Stream.concat(Stream.of(arguments), Stream.of("--out", folder.resolve("out"))).toArray();
  }

  private static void checkRefused(CommandLineRun run, String message) {
    assertThat(run.err()).hasSize(1);
    assertThat(run.err().getFirst())
        .startsWith("dmabuf4j: ")
        .contains(message)
        .doesNotContain("Exception");
    assertThat(run.out()).isEmpty();
    assertThat(run.status()).isEqualTo(2);
  }

  @Test
  void smallBudget_isToldWhatIsHeldAndNeeded() {
    CommandLineRun run =
        CommandLineRun.of("demo", "--budget", "1MiB", "--out", folder.resolve("out"));

    checkRefused(run, "too small");
    assertThat(run.err().getFirst())
        .containsPattern("the codecs hold \\d+ bytes and need \\d+ more, give at least \\d+KiB");
  }

  @Test
  void pictureWithoutLuma_isRefusedByName() throws Exception {
    Path video =
        TestVideos.make(
            folder.resolve("rgb.mkv"),
            "-s",
            "64x64",
            "-pix_fmt",
            "rgb24",
            "-c:v",
            "png",
            "-frames:v",
            "3");

    checkRefused(CommandLineRun.of("demo", video, "--out", folder.resolve("out")), "rgb24");
  }

  @Test
  void soundAlone_isRefused() throws Exception {
    Path sound =
        TestVideos.make(
            folder.resolve("sound.wav"), "-f", "lavfi", "-i", "sine", "-t", "1", "-map", "1:a");

    checkRefused(
        CommandLineRun.of("demo", sound, "--out", folder.resolve("out")), "no video stream");
  }

  @Test
  void resultInTheWay_isRefusedAndStays() throws Exception {
    Path out = folder.resolve("taken");
    Path taken = Files.createDirectories(out.resolve(Clip.NAME + "-edges.mp4"));

    checkRefused(CommandLineRun.of("demo", "--out", out), "can't be written");

    assertThat(taken).isDirectory();
  }

  @Test
  void noCommand_isRefused() {
    checkRefused(CommandLineRun.of(), "no command given");
    checkRefused(CommandLineRun.of("bake"), "bake");
  }
}
