package io.github.dmabuf4j.examples.gpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/**
 * How far the device's pictures are from the CPU's, over a run.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class EdgeComparison {
  private long frames;
  private int maxDifference;
  private long differentPixels;

  /**
   * Compares a picture, pixel by pixel.
   *
   * @param expected the CPU's, row by row without gaps
   * @param actual holds the device's, from the first byte on
   * @param stride bytes from row to row of the device's
   * @param width pixels
   */
  void add(byte[] expected, MemorySegment actual, int stride, int width) {
    frames++;
    for (int at = 0; at < expected.length; at++) {
      long there = (long) (at / width) * stride + at % width;
      int difference = Math.abs((expected[at] & 0xff) - (actual.get(JAVA_BYTE, there) & 0xff));
      maxDifference = Math.max(maxDifference, difference);
      differentPixels += difference == 0 ? 0 : 1;
    }
  }

  /** Pictures compared. */
  long frames() {
    return frames;
  }

  /** The largest difference of a pixel, of 255. */
  int maxDifference() {
    return maxDifference;
  }

  /** How many pixels differ at all. */
  long differentPixels() {
    return differentPixels;
  }
}
