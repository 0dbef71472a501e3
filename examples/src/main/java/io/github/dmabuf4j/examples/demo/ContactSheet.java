package io.github.dmabuf4j.examples.demo;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;

/**
 * Small pictures side by side, to see at a glance what was encoded. A sheet that is full is written
 * and a new one begun.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class ContactSheet {
  private static final int COLUMNS = 10;
  private static final int ROWS = 10;
  private static final int CELL_WIDTH = 160;
  private static final int BLACK = 16;
  private static final int NEUTRAL = 128;

  private final Path folder;
  private final String name;
  private int sheets;
  private @Nullable BufferedImage image;
  private int cellHeight;
  private int cells;

  /**
   * Begins an empty sheet.
   *
   * @param name of the files, without number and extension
   */
  ContactSheet(Path folder, String name) {
    this.folder = folder;
    this.name = name;
  }

  /**
   * A plane of 8 bits a sample.
   *
   * @param bytes from its first visible sample on
   * @param stride bytes from row to row
   */
  record Plane(MemorySegment bytes, int stride) {
    private int sample(int x, int y) {
      return bytes.get(ValueLayout.JAVA_BYTE, (long) y * stride + x) & 0xff;
    }

    private int mean(int fromX, int toX, int fromY, int toY) {
      int sum = 0;
      for (int y = fromY; y < toY; y++) {
        for (int x = fromX; x < toX; x++) {
          sum += sample(x, y);
        }
      }
      return sum / ((toX - fromX) * (toY - fromY));
    }
  }

  /** Adds what the encoder is about to get. */
  void add(NativeFrame frame, int width, int height) throws IOException {
    int chromaRows = Math.ceilDiv(height, 2);
    add(
        plane(frame, 0, height),
        plane(frame, 1, chromaRows),
        plane(frame, 2, chromaRows),
        width,
        height);
  }

  /**
   * Adds a picture.
   *
   * @param blue the blue difference, of every second sample and row
   * @param red the red difference, likewise
   */
  void add(Plane luma, Plane blue, Plane red, int width, int height) throws IOException {
    BufferedImage sheet = image;
    if (sheet == null) {
      cellHeight = Math.clamp(Math.round((double) CELL_WIDTH * height / width), 1, 4 * CELL_WIDTH);
      sheet =
          new BufferedImage(COLUMNS * CELL_WIDTH, ROWS * cellHeight, BufferedImage.TYPE_3BYTE_BGR);
      image = sheet;
    }
    int left = cells % COLUMNS * CELL_WIDTH;
    int top = cells / COLUMNS * cellHeight;
    byte[] pixels = ((DataBufferByte) sheet.getRaster().getDataBuffer()).getData();
    for (int y = 0; y < cellHeight; y++) {
      int fromY = y * height / cellHeight;
      int toY = Math.max(fromY + 1, (y + 1) * height / cellHeight);
      int at = ((top + y) * COLUMNS * CELL_WIDTH + left) * 3;
      for (int x = 0; x < CELL_WIDTH; x++, at += 3) {
        int fromX = (int) ((long) x * width / CELL_WIDTH);
        int toX = Math.max(fromX + 1, (int) ((long) (x + 1) * width / CELL_WIDTH));
        int bright = luma.mean(fromX, toX, fromY, toY);
        int b = blue.sample(fromX / 2, fromY / 2) - NEUTRAL;
        int r = red.sample(fromX / 2, fromY / 2) - NEUTRAL;
        paint(pixels, at, bright, b, r);
      }
    }
    if (++cells == COLUMNS * ROWS) {
      flush();
    }
  }

  /** Writes what was added since the last full sheet. */
  void finish() throws IOException {
    if (cells > 0) {
      flush();
    }
  }

  private void flush() throws IOException {
    BufferedImage sheet = image;
    if (sheet == null) {
      return;
    }
    int rows = Math.ceilDiv(cells, COLUMNS);
    int columns = Math.min(cells, COLUMNS);
    Path file = folder.resolve("%s-%d.png".formatted(name, ++sheets));
    ImageIO.write(
        sheet.getSubimage(0, 0, columns * CELL_WIDTH, rows * cellHeight), "png", file.toFile());
    cells = 0;
    image = null;
  }

  private static Plane plane(NativeFrame frame, int index, int rows) {
    int stride = frame.stride(index);
    return new Plane(CLinker.bytes(frame.plane(index), (long) stride * rows), stride);
  }

  /** BT.601, limited range, in 1/256ths. */
  private static void paint(byte[] pixels, int at, int luma, int blue, int red) {
    int scaled = 298 * Math.max(0, luma - BLACK);
    pixels[at] = clamp(scaled + 517 * blue);
    pixels[at + 1] = clamp(scaled - 100 * blue - 208 * red);
    pixels[at + 2] = clamp(scaled + 409 * red);
  }

  private static byte clamp(int value) {
    return (byte) Math.clamp(value >> 8, 0, 255);
  }
}
