package io.github.dmabuf4j.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.PixelFormat;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.zip.CRC32;

/**
 * What the stages of a video pipeline do to pictures, without a codec: each reads or writes every
 * sample. The decoder adds differences up, the filter finds edges, the encoder writes runs of equal
 * samples. The results depend on the picture's number alone, so that pipelines can be compared.
 *
 * <p><b>Threads.</b> For one thread: it has scratch rows. Each stage has its own.
 */
final class PictureWork {
  private static final int DIFFERENCES = 1 << 16;

  /** Where the layouts of I420 have their chroma. */
  private static final int FIRST_CHROMA = 1;

  private static final int PLANES = 3;
  private static final int LONGEST_RUN = 255;

  final FrameLayout decoded;
  final FrameLayout edges;
  private final byte[] differences;
  private final byte[] runs;
  private final CRC32 checksum = new CRC32();
  private byte[] above;
  private byte[] here;
  private byte[] below;
  private final byte[] row;

  PictureWork(int width, int height) {
    decoded = FrameLayout.of(PixelFormat.I420, width, height);
    edges = FrameLayout.of(PixelFormat.GRAY8, width, height);
    differences = new byte[DIFFERENCES + width];
    new SplittableRandom(1).nextBytes(differences);
    for (int i = 0; i < differences.length; i++) {
      // Mostly flat, with a step now and then, as pictures are.
      differences[i] = (byte) (differences[i] > 100 ? differences[i] - 114 : 0);
    }
    above = new byte[width];
    here = new byte[width];
    below = new byte[width];
    row = new byte[width];
    runs = new byte[2 * width];
  }

  /**
   * Makes a picture.
   *
   * @param number which one
   * @param picture is written, laid out as {@link #decoded}
   */
  void decode(long number, MemorySegment picture) {
    for (int plane = 0; plane < PLANES; plane++) {
      int width = (int) decoded.rowBytes(plane);
      for (int y = 0; y < decoded.planeRows(plane); y++) {
        int at = (int) ((number * 7919 + y * 977L + plane * 31L) & (DIFFERENCES - 1));
        byte value = (byte) (128 + plane);
        for (int x = 0; x < width; x++) {
          value += differences[at + x];
          row[x] = value;
        }
        MemorySegment.copy(row, 0, picture, JAVA_BYTE, start(decoded, plane, y), width);
      }
    }
  }

  /**
   * Finds the edges of luma: the sum of the absolute differences across and down, at most 255.
   *
   * @param picture is read, laid out as {@link #decoded}
   * @param out is written, laid out as {@link #edges}
   */
  void filter(MemorySegment picture, MemorySegment out) {
    int height = decoded.height();
    load(picture, 0, above);
    load(picture, 0, here);
    for (int y = 0; y < height; y++) {
      load(picture, Math.min(height - 1, y + 1), below);
      gradient(above, here, below, row);
      MemorySegment.copy(row, 0, out, JAVA_BYTE, start(edges, 0, y), row.length);
      byte[] oldest = above;
      above = here;
      here = below;
      below = oldest;
    }
  }

  private void load(MemorySegment picture, int y, byte[] to) {
    MemorySegment.copy(picture, JAVA_BYTE, start(decoded, 0, y), to, 0, to.length);
  }

  private static void gradient(byte[] above, byte[] here, byte[] below, byte[] out) {
    int last = out.length - 1;
    out[0] = 0;
    out[last] = 0;
    for (int x = 1; x < last; x++) {
      int across = (here[x + 1] & 0xff) - (here[x - 1] & 0xff);
      int down = (below[x] & 0xff) - (above[x] & 0xff);
      out[x] = (byte) Math.min(255, Math.abs(across) + Math.abs(down));
    }
  }

  /**
   * Encodes the edges, with the colours of the picture that they are of.
   *
   * @param luma is read, laid out as {@link #edges}
   * @param picture its chroma is read, laid out as {@link #decoded}
   * @return a checksum of what came out
   */
  long encode(MemorySegment luma, MemorySegment picture) {
    checksum.reset();
    encode(edges, 0, luma);
    for (int plane = FIRST_CHROMA; plane < PLANES; plane++) {
      encode(decoded, plane, picture);
    }
    return checksum.getValue();
  }

  private void encode(FrameLayout layout, int plane, MemorySegment bytes) {
    int width = (int) layout.rowBytes(plane);
    for (int y = 0; y < layout.planeRows(plane); y++) {
      MemorySegment.copy(bytes, JAVA_BYTE, start(layout, plane, y), row, 0, width);
      checksum.update(runs, 0, findRuns(width));
    }
  }

  private int findRuns(int width) {
    int length = 0;
    int run = 0;
    for (int x = 0; x < width; x++) {
      run++;
      if (x + 1 == width || row[x + 1] != row[x] || run == LONGEST_RUN) {
        runs[length++] = (byte) run;
        runs[length++] = row[x];
        run = 0;
      }
    }
    return length;
  }

  /** The first byte of chroma in a picture. */
  long chroma() {
    return decoded.planes().get(FIRST_CHROMA).offset();
  }

  private static long start(FrameLayout layout, int plane, int y) {
    var place = layout.planes().get(plane);
    return place.offset() + (long) y * place.stride();
  }
}
