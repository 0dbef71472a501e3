package io.github.dmabuf4j.benchmarks.command;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.dmabuf4j.benchmarks.report.HtmlPage;
import io.github.dmabuf4j.benchmarks.report.Json;
import io.github.dmabuf4j.benchmarks.report.Report;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where the report goes. */
final class OutputFolder {
  private static final String PAGE = "report.html";
  private static final String DATA = "report.json";
  private static final String LOG = "jmh.log";

  private final Path folder;

  private OutputFolder(Path folder) {
    this.folder = folder;
  }

  /**
   * Makes the folder if it is missing, before anything is measured.
   *
   * @throws BadInputException if it can't be made, or something in it is in the way
   */
  static OutputFolder make(Path folder) throws BadInputException {
    try {
      Files.createDirectories(folder);
    } catch (FileAlreadyExistsException e) {
      throw new BadInputException("--out: %s exists and is not a folder".formatted(e.getFile()));
    } catch (FileSystemException e) {
      String reason = e.getReason() == null ? "not permitted" : e.getReason();
      throw new BadInputException("--out: %s can't be created: %s".formatted(folder, reason));
    } catch (IOException e) {
      throw new BadInputException(
          "--out: %s can't be created: %s".formatted(folder, e.getMessage()));
    }
    if (!Files.isWritable(folder)) {
      throw new BadInputException("--out: %s is not writable".formatted(folder));
    }
    for (String name : new String[] {PAGE, DATA, LOG}) {
      Path file = folder.resolve(name);
      if (Files.exists(file) && (Files.isDirectory(file) || !Files.isWritable(file))) {
        throw new BadInputException("--out: %s can't be written".formatted(file));
      }
    }
    return new OutputFolder(folder);
  }

  /** What JMH says, for those who want to know why a benchmark failed. */
  Path log() {
    return folder.resolve(LOG);
  }

  Path page() {
    return folder.resolve(PAGE);
  }

  Path data() {
    return folder.resolve(DATA);
  }

  PrintStream openLog() throws IOException {
    return new PrintStream(Files.newOutputStream(log()), true, UTF_8);
  }

  /** Writes both files. */
  void write(Report report) throws IOException {
    Files.writeString(data(), Json.of(report));
    Files.writeString(page(), HtmlPage.of(report));
  }
}
