package io.github.dmabuf4j.benchmarks;

import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import javax.imageio.ImageIO;

/**
 * A frame of the clip that the demo decodes, as I420, three planes one after the other; and the
 * same at twice and more its size. One of the harder frames of the clip: LZ4 leaves four fifths of
 * it, of others less than half.
 */
final class DecodedFrame {
  private static final int WIDTH = 720;
  private static final int HEIGHT = 405;

  private DecodedFrame() {}

  /**
   * The frame at a size.
   *
   * @param picture {@code 720x405}, as it was decoded, or {@code 1920x1080}, scaled up
   * @return native memory of every thread
   */
  static MemorySegment of(String picture) {
    byte[] decoded = decoded();
    byte[] bytes =
        switch (picture) {
          case "720x405" -> decoded;
          case "1920x1080" -> scaled(decoded, 1920, 1080);
          default -> throw new IllegalArgumentException("there is no frame of " + picture);
        };
    return Arena.ofAuto().allocate(bytes.length, 4096).copyFrom(MemorySegment.ofArray(bytes));
  }

  /** The bytes are the pixels of a grey PNG. */
  private static byte[] decoded() {
    try (InputStream in = DecodedFrame.class.getResourceAsStream("frame-720x405.png")) {
      return ((DataBufferByte)
              ImageIO.read(Objects.requireNonNull(in, "frame")).getRaster().getDataBuffer())
          .getData();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] scaled(byte[] from, int width, int height) {
    byte[] to = new byte[width * height * 3 / 2];
    scale(from, 0, WIDTH, HEIGHT, to, 0, width, height);
    int chromaHeight = (HEIGHT + 1) / 2;
    int fromAt = WIDTH * HEIGHT;
    int toAt = width * height;
    for (int plane = 0; plane < 2; plane++) {
      scale(from, fromAt, WIDTH / 2, chromaHeight, to, toAt, width / 2, height / 2);
      fromAt += WIDTH / 2 * chromaHeight;
      toAt += width / 2 * (height / 2);
    }
    return to;
  }

  /** Scales one plane, between the four nearest pixels. */
  private static void scale(
      byte[] from,
      int fromAt,
      int fromWidth,
      int fromHeight,
      byte[] to,
      int toAt,
      int width,
      int height) {
    for (int y = 0; y < height; y++) {
      double v = (double) y * (fromHeight - 1) / (height - 1);
      int y0 = Math.min((int) v, fromHeight - 2);
      for (int x = 0; x < width; x++) {
        double u = (double) x * (fromWidth - 1) / (width - 1);
        int x0 = Math.min((int) u, fromWidth - 2);
        int at = fromAt + y0 * fromWidth + x0;
        double top = mix(from[at], from[at + 1], u - x0);
        double bottom = mix(from[at + fromWidth], from[at + fromWidth + 1], u - x0);
        to[toAt + y * width + x] = (byte) Math.round(top + (bottom - top) * (v - y0));
      }
    }
  }

  private static double mix(byte left, byte right, double part) {
    return (left & 0xff) + ((right & 0xff) - (left & 0xff)) * part;
  }
}
