package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.examples.demo.Clip;
import io.github.dmabuf4j.examples.demo.DecodedFrames;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The main job, with the clip and with videos of other kinds. */
final class DemoTest {
  private static final int FRAMES = 40;

  @TempDir private Path folder;

  private CommandLineRun demo(Object... arguments) {
    Object[] all = new Object[arguments.length + 3];
    all[0] = "demo";
    all[1] = "--out";
    all[2] = folder.resolve("out");
    System.arraycopy(arguments, 0, all, 3, arguments.length);
    return CommandLineRun.of(all);
  }

  private static CommandLineRun.Summary summaryOf(CommandLineRun run) {
    assertThat(run.status()).as("%s", run.err()).isZero();
    return run.summary();
  }

  private static void checkNothingCopiedNorLeaked(CommandLineRun.Summary summary) {
    assertThat(summary.number("copied_bytes")).isZero();
    assertThat(summary.number("leaked")).isZero();
    assertThat(summary.number("peak_bytes"))
        .isPositive()
        .isLessThanOrEqualTo(summary.number("budget_bytes"));
  }

  @Test
  void clip_comesThroughWithoutACopy() throws Exception {
    CommandLineRun.Summary summary = summaryOf(demo());

    checkNothingCopiedNorLeaked(summary);
    assertThat(summary.number("frames")).isEqualTo(190);
    assertThat(summary.text("truncated")).isEqualTo("false");
    assertThat(summary.text("encoder_copied")).isEqualTo("yes"); // 405 rows are no whole blocks
    assertThat(summary.number("budget_bytes")).isEqualTo(64 << 20);
    assertThat(summary.number("pool_hits")).isPositive();
    assertThat(DecodedFrames.count(summary.output())).isEqualTo(190);
    assertThat(ImageIO.read(folder.resolve("out/city-edges-sheet-1.png").toFile()).getWidth())
        .isEqualTo(1600); // ten pictures: every 20th
  }

  @Test
  void everyKey_isThereInOrder() {
    CommandLineRun run = demo("--frames", 5);

    assertThat(run.out()).hasSize(1);
    assertThat(run.out().getFirst())
        .matches(
            "summary frames=5 fps=[0-9.]+ copied_bytes=0 encoder_copied=yes peak_bytes=\\d+"
                + " budget_bytes=\\d+ pool_hits=\\d+ fence_waits=\\d+ truncated=false leaked=0"
                + " output=.*city-edges\\.mp4");
  }

  @Test
  void loops_goOnWithOneFile() throws Exception {
    CommandLineRun.Summary summary = summaryOf(demo("--loop", 2));

    checkNothingCopiedNorLeaked(summary);
    assertThat(summary.number("frames")).isEqualTo(380);
    assertThat(DecodedFrames.count(summary.output())).isEqualTo(380);
  }

  @Test
  void compare_printsBothLines() throws Exception {
    CommandLineRun run = demo("--compare", "--frames", 20);

    assertThat(run.status()).as("%s", run.err()).isZero();
    assertThat(run.out()).hasSize(2);
    assertThat(run.out().get(0)).contains("frames=20 ", "copied_bytes=0 ");
    assertThat(run.out().get(1)).contains("frames=20 ").endsWith("pipeline=copying");
    long each = 720L * 405 + 2 * 360 * 203 + 720 * 405 + 2 * 360 * 203;
    assertThat(CommandLineRun.Summary.of(List.of(run.out().get(1))).number("copied_bytes"))
        .isEqualTo(20 * each);
    assertThat(Files.mismatch(output("city-edges.mp4"), output("city-edges-copying.mp4")))
        .as("the first byte that differs between the two results")
        .isEqualTo(-1);
  }

  private Path output(String name) {
    return folder.resolve("out").resolve(name);
  }

  @ParameterizedTest
  @CsvSource({
    "h264.mp4, -f lavfi -i sine -t 2 -s 320x180 -c:v libopenh264 -c:a aac",
    "msmpeg4.avi, -s 320x180 -c:v msmpeg4",
    "vp8.webm, -s 320x180 -c:v libvpx -deadline realtime -cpu-used 8",
    "vp9.webm, -s 320x180 -c:v libvpx-vp9 -deadline realtime -cpu-used 8",
    "odd444.mkv, -s 321x181 -pix_fmt yuv444p -c:v ffv1",
    "ten-bit.mkv, -s 322x181 -pix_fmt yuv420p10le -c:v ffv1",
    "tiny.mkv, -s 17x5 -c:v ffv1",
  })
  void otherVideos_comeThroughToo(String name, String options) throws Exception {
    Path video =
        TestVideos.make(folder.resolve(name), (options + " -frames:v " + FRAMES).split(" "));

    CommandLineRun run = demo(video);

    CommandLineRun.Summary summary = summaryOf(run);
    checkNothingCopiedNorLeaked(summary);
    assertThat(summary.number("frames")).isEqualTo(FRAMES);
    assertThat(summary.text("truncated")).isEqualTo("false");
    assertThat(DecodedFrames.count(summary.output())).isEqualTo(FRAMES);
    assertThat(run.err().contains("the sound of " + name + " was dropped"))
        .isEqualTo(name.equals("h264.mp4"));
  }

  @Test
  void wholeBlocks_areReadInPlaceByTheEncoder() throws Exception {
    Path video =
        TestVideos.make(
            folder.resolve("whole.mpg"), "-s", "320x176", "-c:v", "mpeg2video", "-frames:v", "20");

    CommandLineRun.Summary summary = summaryOf(demo(video));

    checkNothingCopiedNorLeaked(summary);
    assertThat(summary.text("encoder_copied")).isEqualTo("no");
  }

  @ParameterizedTest
  @CsvSource({
    "cut.avi, -c:v msmpeg4",
    "cut.webm, -c:v libvpx -deadline realtime -cpu-used 8",
    "cut.mp4, -c:v mpeg4 -movflags +faststart",
  })
  void cutVideo_isDeliveredAsFarAsItGoes(String name, String options) throws Exception {
    Path whole =
        TestVideos.make(
            folder.resolve("whole-" + name),
            ("-s 320x180 " + options + " -frames:v 100").split(" "));

    checkCut(TestVideos.cut(whole, folder.resolve(name), 0.5), 100);
  }

  @Test
  void cutClip_isDeliveredAsFarAsItGoes() throws Exception {
    try (Clip clip = Clip.unpack()) {
      checkCut(TestVideos.cut(clip.file(), folder.resolve("cut.mpg"), 0.5), 190);
    }
  }

  private void checkCut(Path video, long whole) throws Exception {
    CommandLineRun.Summary summary = summaryOf(demo(video));

    checkNothingCopiedNorLeaked(summary);
    assertThat(summary.text("truncated")).isEqualTo("true");
    assertThat(summary.number("frames")).isBetween(1L, whole - 1);
    assertThat(DecodedFrames.count(summary.output())).isEqualTo(summary.number("frames"));
  }
}
