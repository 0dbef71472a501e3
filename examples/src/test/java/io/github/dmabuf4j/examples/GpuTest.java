package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.examples.demo.Clip;
import io.github.dmabuf4j.examples.gpu.VulkanHere;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The edge filter on whatever device Vulkan has here, by the addresses of our memory. */
final class GpuTest {
  @TempDir private static Path folder;

  private static CommandLineRun gpu(Object... options) {
    VulkanHere.assume();
    List<Object> all = new ArrayList<>(List.of("gpu"));
    all.addAll(List.of(options));
    return CommandLineRun.of(all.toArray());
  }

  private static void checkSame(CommandLineRun run, long frames) {
    assertThat(run.status()).as("%s", run.err()).isZero();
    CommandLineRun.Summary summary = run.summary();
    assertThat(summary.number("frames")).isEqualTo(frames);
    assertThat(summary.number("copied_bytes")).isZero();
    assertThat(summary.number("max_difference")).isZero();
    assertThat(summary.number("different_pixels")).isZero();
    assertThat(summary.number("leaked")).isZero();
    assertThat(summary.text("device")).isNotBlank();
    assertThat(summary.text("path")).isEqualTo("host-pointer");
    assertThat(summary.text("completion")).isEqualTo("host-fence");
  }

  @Test
  void clipWithOddHeight_isFilteredAsByTheCpu_withoutACopy() throws Exception {
    Path out = folder.resolve("clip");

    checkSame(gpu("--path", "host-pointer", "--frames", 5, "--out", out), 5);

    byte[] expected = pixels(out.resolve("city-edges-cpu.png"));
    assertThat(pixels(out.resolve("city-edges-gpu.png"))).isEqualTo(expected);
    assertThat(pixels(out.resolve("city-decoded.png")))
        .hasSameSizeAs(expected)
        .isNotEqualTo(expected);
  }

  private static byte[] pixels(Path file) throws Exception {
    BufferedImage image = ImageIO.read(file.toFile());
    assertThat(image.getWidth()).isEqualTo(720);
    assertThat(image.getHeight()).isEqualTo(405);
    return ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
  }

  @ParameterizedTest(name = "{0}, {1}")
  @CsvSource({"51x37, yuv420p10le", "5x3, yuv444p", "130x1, gray", "2x2, yuv420p", "64x33, nv12"})
  void otherPictures_areFilteredAsByTheCpu(String size, String format) throws Exception {
    Path video =
        TestVideos.make(
            folder.resolve("%s-%s.nut".formatted(size, format)),
            "-s",
            size,
            "-pix_fmt",
            format,
            "-c:v",
            "rawvideo",
            "-frames:v",
            "2");

    CommandLineRun run = gpu(video, "--path", "host-pointer", "--out", folder.resolve("other"));

    assertThat(run.status()).as("%s", run.err()).isZero();
    assertThat(run.summary().number("frames")).isEqualTo(2);
    assertThat(run.summary().number("max_difference")).isZero();
    assertThat(run.summary().number("leaked")).isZero();
  }

  static Stream<Arguments> badInput() throws Exception {
    Path text = Files.writeString(folder.resolve("text.mpg"), "not a video\n".repeat(100));
    return Stream.of(
        Arguments.of("is not a video", new Object[] {text}),
        Arguments.of("there is no file", new Object[] {folder.resolve("missing.mpg")}),
        Arguments.of(
            "--device: wanted a number or a part of a name of \"",
            new Object[] {"--device", "no such device"}),
        Arguments.of("--device: wanted a number", new Object[] {"--device", "99"}),
        Arguments.of("--device: wanted a number", new Object[] {"--device", ""}),
        Arguments.of("wanted dma-buf or host-pointer", new Object[] {"--path", "bus"}),
        Arguments.of("--budget: wanted a size above 0", new Object[] {"--budget", "0"}),
        Arguments.of("a budget of 102400 bytes is too small", new Object[] {"--budget", "100KiB"}),
        Arguments.of("--frames: wanted a number", new Object[] {"--frames", "-1"}),
        Arguments.of("--out: ", new Object[] {"--out", text}),
        Arguments.of("--out: ", new Object[] {"--out", text.resolve("below-a-file")}));
  }

  @ParameterizedTest
  @MethodSource
  void badInput(String message, Object[] arguments) {
    List<Object> all = new ArrayList<>(List.of("--path", "host-pointer"));
    all.addAll(List.of(arguments));
    if (!all.contains("--out")) {
      all.addAll(List.of("--out", folder.resolve("bad")));
    }

    checkRefused(gpu(all.toArray()), message);
  }

  /** The message is the last line; one before it may name the device. */
  private static void checkRefused(CommandLineRun run, String message) {
    assertThat(run.err()).hasSizeBetween(1, 2);
    assertThat(run.err().getLast())
        .startsWith("dmabuf4j: ")
        .contains(message)
        .doesNotContain("Exception");
    assertThat(run.out()).isEmpty();
    assertThat(run.status()).isEqualTo(2);
  }

  @Test
  void pictureInTheWay_isRefusedByName() throws Exception {
    Path out = folder.resolve("taken");
    Path taken = Files.createDirectories(out.resolve(Clip.NAME + "-edges-gpu.png"));

    checkRefused(gpu("--path", "host-pointer", "--out", out), "can't be written");

    assertThat(taken).isDirectory();
  }

  @Test
  void missingLoader_isToldWithWhatToInstall() throws Exception {
    assertThat(refusal(Map.of(), "-Dorg.lwjgl.vulkan.libname=no-such-library"))
        .startsWith("dmabuf4j: Vulkan is missing")
        .contains("install");
  }

  @Test
  void missingDriver_isToldWithWhatToInstall() throws Exception {
    VulkanHere.assume(); // the loader is there
    Map<String, String> noDrivers =
        Map.of("VK_DRIVER_FILES", "/no/such/driver", "VK_ICD_FILENAMES", "/no/such/driver");

    assertThat(refusal(noDrivers)).contains("Vulkan has no d").contains("install");
  }

  /** What the command says in a JVM of its own, which it ends with status 2. */
  private static String refusal(Map<String, String> environment, String... flags) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of(flags));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of("gpu", "--out", folder.resolve("refused").toString()));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD);
    builder.environment().putAll(environment);
    Process process = builder.start();
    List<String> lines = process.errorReader().readAllLines();
    assertThat(process.waitFor()).as("%s", lines).isEqualTo(2);
    assertThat(lines).isNotEmpty();
    assertThat(lines).noneMatch(line -> line.contains("WARNING") || line.contains("Exception"));
    return lines.getLast();
  }
}
