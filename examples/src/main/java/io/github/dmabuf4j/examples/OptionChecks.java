package io.github.dmabuf4j.examples;

import io.github.dmabuf4j.ByteSize;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What several commands ask of their options. */
final class OptionChecks {
  private OptionChecks() {}

  /** The bytes that {@code --budget} stands for, above 0. */
  static long budget(String budget) throws BadInputException {
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

  /** A number of frames that {@code --frames} may be. */
  static void frames(long frames) throws BadInputException {
    if (frames < 0) {
      throw new BadInputException(
          "--frames: wanted a number of frames, or 0 for all, got " + frames);
    }
  }

  /** Makes the folder of {@code --out} if it is missing, and sees that files can go there. */
  static void folder(Path out) throws BadInputException {
    try {
      Files.createDirectories(out);
    } catch (FileAlreadyExistsException e) {
      throw new BadInputException("--out: %s exists and is not a folder".formatted(e.getFile()));
    } catch (FileSystemException e) {
      String reason = e.getReason() == null ? "not permitted" : e.getReason();
      throw new BadInputException("--out: %s can't be created: %s".formatted(out, reason));
    } catch (IOException e) {
      throw new BadInputException("--out: %s can't be created: %s".formatted(out, e.getMessage()));
    }
    if (!Files.isWritable(out)) {
      throw new BadInputException("--out: %s is not writable".formatted(out));
    }
  }

  /** What results of a video are called after: its name without the extension. */
  static String stem(Path file) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }
}
