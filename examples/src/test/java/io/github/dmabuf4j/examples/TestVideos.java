package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.examples.demo.Clip;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Assumptions;

/** Videos made from the clip, with the {@code ffmpeg} program that comes with FFmpeg's bindings. */
public final class TestVideos {
  private TestVideos() {}

  /**
   * Makes a video, or skips the test and says why if there is no {@code ffmpeg} here.
   *
   * @param options of {@code ffmpeg}, between input and output
   */
  public static Path make(Path file, String... options) throws Exception {
    List<String> command =
        new ArrayList<>(List.of(ffmpeg(), "-nostdin", "-v", "error", "-y", "-i"));
    try (Clip clip = Clip.unpack()) {
      command.add(clip.file().toString());
      command.addAll(Arrays.asList(options));
      command.add(file.toString());
      Path log = Files.createTempFile(file.toAbsolutePath().getParent(), "ffmpeg", ".log");
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
      int status = process.waitFor();
      assertThat(status).as("%s: %s", command, Files.readString(log)).isZero();
      Files.delete(log);
    }
    return file;
  }

  /** The first part of a file, as a download that broke off leaves it. */
  static Path cut(Path whole, Path file, double part) throws Exception {
    byte[] bytes = Files.readAllBytes(whole);
    return Files.write(file, Arrays.copyOf(bytes, (int) (bytes.length * part)));
  }

  private static String ffmpeg() {
    try {
      return Loader.load(org.bytedeco.ffmpeg.ffmpeg.class);
    } catch (UnsatisfiedLinkError e) {
      return Assumptions.abort("FFmpeg's bindings bring no ffmpeg program here: " + e.getMessage());
    }
  }
}
