package io.github.dmabuf4j.examples;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.examples.demo.Clip;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Which video, how much of it, and in how much memory: options of all commands that decode one. */
final class VideoInput {
  @Parameters(
      arity = "0..1",
      paramLabel = "VIDEO",
      description = "Any video that FFmpeg reads (default: a clip that comes with the program).")
  private @Nullable Path video;

  @Option(
      names = "--budget",
      paramLabel = "SIZE",
      defaultValue = "64MiB",
      description = "The most memory that buffers may take (default: ${DEFAULT-VALUE}).")
  private String budget = "";

  @Option(
      names = "--frames",
      paramLabel = "N",
      defaultValue = "0",
      description = "End after N frames; 0 means all (default: ${DEFAULT-VALUE}).")
  private long frames;

  /** What is done with a video. */
  @FunctionalInterface
  interface Use<T> {
    /**
     * Does it.
     *
     * @param file where it is
     * @param name what results are called after
     */
    T of(Path file, String name) throws Exception;
  }

  /** Whether one was named. */
  boolean isNamed() {
    return video != null;
  }

  /** Uses the video that was named, or the clip that comes with the program. */
  <T> T use(Use<T> use) throws Exception {
    if (video != null) {
      return use.of(video, stem(video));
    }
    try (Clip clip = Clip.unpack()) {
      return use.of(clip.file(), Clip.NAME);
    }
  }

  /** The bytes of the budget, checked. */
  long budgetBytes() throws BadInputException {
    try {
      long bytes = ByteSize.parse(budget);
      if (bytes > 0) {
        return bytes;
      }
    } catch (IllegalArgumentException e) {
      throw new BadInputException("--budget: " + e.getMessage());
    }
    throw new BadInputException("--budget: wanted a size above 0, got " + budget);
  }

  /** How many frames, 0 for all, checked. */
  long frames() throws BadInputException {
    if (frames < 0) {
      throw new BadInputException(
          "--frames: wanted a number of frames, or 0 for all, got " + frames);
    }
    return frames;
  }

  /** What results of a video are called after: its name without the extension. */
  private static String stem(Path file) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }
}
