package io.github.dmabuf4j.examples.demo;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Edges of a picture: half the sum of the absolute horizontal and vertical Sobel differences of
 * luma, at most 255. The rows above and below the picture are its first and last again; the first
 * and last column are 0.
 *
 * <p><b>Threads.</b> For one thread: it has scratch rows. Each thread of a crew has its own.
 */
final class EdgeFilter {
  /*
   * The JIT turns a loop into vector code only if its arrays have one element type and are all used
   * at the same index. Hence: a row is widened to int once, kept for the three rows it counts for,
   * and shifted by one with arraycopy instead of reading at x - 1 and x + 1. Tried and slower at
   * 1080p: nine loads per sample (3 x), eight samples in a long (2 x).
   */
  private static final ValueLayout.OfShort SAMPLE =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int width;
  private final int height;
  private final int sampleBytes;
  private final int shift;

  private int[] above;
  private int[] here;
  private int[] below;
  private final int[] smooth;
  private final int[] smoothLeft;
  private final int[] smoothRight;
  private final int[] slope;
  private final int[] slopeLeft;
  private final int[] slopeRight;
  private final int[] edges;
  private final byte[] bytes;

  /**
   * Makes a filter for pictures of one kind.
   *
   * @param sampleBytes 1, or 2 for little-endian samples
   * @param shift how far a sample is to be shifted to the right for its upper 8 bits
   */
  EdgeFilter(int width, int height, int sampleBytes, int shift) {
    this.width = width;
    this.height = height;
    this.sampleBytes = sampleBytes;
    this.shift = shift;
    above = new int[width];
    here = new int[width];
    below = new int[width];
    smooth = new int[width];
    smoothLeft = new int[width];
    smoothRight = new int[width];
    slope = new int[width];
    slopeLeft = new int[width];
    slopeRight = new int[width];
    edges = new int[width];
    bytes = new byte[width * sampleBytes];
  }

  /**
   * Filters some rows.
   *
   * @param in holds the picture
   * @param inStart where the first visible sample of luma is
   * @param inStride bytes from row to row
   * @param out holds the result, from its first byte on
   * @param outStride bytes from row to row
   * @param from the first row
   * @param to the row after the last
   */
  void rows(
      MemorySegment in,
      long inStart,
      int inStride,
      MemorySegment out,
      int outStride,
      int from,
      int to) {
    load(in, inStart + (long) Math.max(0, from - 1) * inStride, above);
    load(in, inStart + (long) from * inStride, here);
    for (int row = from; row < to; row++) {
      load(in, inStart + (long) Math.min(height - 1, row + 1) * inStride, below);
      vertical(above, here, below, smooth, slope, width);
      shift(smooth, smoothLeft, smoothRight);
      shift(slope, slopeLeft, slopeRight);
      horizontal(smoothLeft, smoothRight, slopeLeft, slope, slopeRight, edges, width);
      edges[0] = 0;
      edges[width - 1] = 0;
      narrow(edges, bytes, width);
      MemorySegment.copy(bytes, 0, out, JAVA_BYTE, (long) row * outStride, width);
      int[] oldest = above;
      above = here;
      here = below;
      below = oldest;
    }
  }

  private void load(MemorySegment in, long start, int[] to) {
    if (sampleBytes == 1) {
      MemorySegment.copy(in, JAVA_BYTE, start, bytes, 0, width);
      widen(bytes, to, width);
    } else {
      for (int x = 0; x < width; x++) {
        to[x] = sample(in, start + 2L * x, sampleBytes, shift);
      }
    }
  }

  /** The upper 8 bits of the sample at some place. */
  static int sample(MemorySegment in, long at, int sampleBytes, int shift) {
    int all = sampleBytes == 1 ? in.get(JAVA_BYTE, at) & 0xff : in.get(SAMPLE, at) & 0xffff;
    return all >> shift;
  }

  private void shift(int[] row, int[] left, int[] right) {
    System.arraycopy(row, 0, left, 1, width - 1);
    System.arraycopy(row, 1, right, 0, width - 1);
  }

  private static void widen(byte[] from, int[] to, int width) {
    for (int x = 0; x < width; x++) {
      to[x] = from[x] & 0xff;
    }
  }

  private static void vertical(
      int[] above, int[] here, int[] below, int[] smooth, int[] slope, int width) {
    for (int x = 0; x < width; x++) {
      smooth[x] = above[x] + 2 * here[x] + below[x];
      slope[x] = below[x] - above[x];
    }
  }

  private static void horizontal(
      int[] smoothLeft,
      int[] smoothRight,
      int[] slopeLeft,
      int[] slope,
      int[] slopeRight,
      int[] edges,
      int width) {
    for (int x = 0; x < width; x++) {
      int across = smoothRight[x] - smoothLeft[x];
      int down = slopeLeft[x] + 2 * slope[x] + slopeRight[x];
      edges[x] = Math.min(255, (Math.abs(across) + Math.abs(down)) >> 1);
    }
  }

  private static void narrow(int[] from, byte[] to, int width) {
    for (int x = 0; x < width; x++) {
      to[x] = (byte) from[x];
    }
  }
}
