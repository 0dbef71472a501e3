package io.github.dmabuf4j.examples.demo;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** The video that comes with the program, as a file while it is needed. */
public final class Clip implements AutoCloseable {
  /** What results are called after. */
  public static final String NAME = "city";

  private final Path file;

  private Clip(Path file) {
    this.file = file;
  }

  /** Unpacks the clip. */
  public static Clip unpack() throws IOException {
    try (InputStream packed = Clip.class.getResourceAsStream(NAME + ".mpg")) {
      if (packed == null) {
        throw new FileNotFoundException("the program comes without its clip " + NAME + ".mpg");
      }
      Path file = Files.createTempFile("dmabuf4j-", ".mpg");
      Files.copy(packed, file, StandardCopyOption.REPLACE_EXISTING);
      return new Clip(file);
    }
  }

  /** Where it is until {@link #close}. */
  public Path file() {
    return file;
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(file);
  }
}
