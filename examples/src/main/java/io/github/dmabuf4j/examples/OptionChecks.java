package io.github.dmabuf4j.examples;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What several commands ask of their options. */
final class OptionChecks {
  private OptionChecks() {}

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
}
