package io.github.dmabuf4j.examples.gpu;

import io.github.dmabuf4j.examples.BadInputException;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;

/**
 * Gray pictures as PNG files, to look at.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class PictureFiles {
  private final Path folder;
  private final String name;

  /**
   * Writes to a folder that exists.
   *
   * @param name what the files are called after
   */
  PictureFiles(Path folder, String name) {
    this.folder = folder;
    this.name = name;
  }

  /**
   * Writes a picture.
   *
   * @param what goes into its name
   * @param pixels a byte each, row by row
   * @param width of a row
   * @throws BadInputException if it can't be written
   */
  void write(String what, byte[] pixels, int width) throws BadInputException {
    BufferedImage image =
        new BufferedImage(width, pixels.length / width, BufferedImage.TYPE_BYTE_GRAY);
    byte[] to = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    System.arraycopy(pixels, 0, to, 0, pixels.length);
    Path file = folder.resolve("%s-%s.png".formatted(name, what));
    try (var out = Files.newOutputStream(file)) {
      if (!ImageIO.write(image, "png", out)) {
        throw new IllegalStateException("this Java has no writer of PNG");
      }
    } catch (IOException e) {
      throw new BadInputException("%s can't be written: %s".formatted(file, e.getMessage()));
    }
  }
}
