package io.github.dmabuf4j.examples.gpu;

import io.github.dmabuf4j.examples.demo.VideoFrame;
import java.nio.ByteBuffer;

/**
 * Where a picture lies, in the order of the shader's push constants.
 *
 * @param width pixels
 * @param height pixels
 * @param start bytes to the first visible sample
 * @param stride bytes from row to row
 * @param sampleBytes 1 or 2
 * @param shift of a sample, to the right
 * @param edgesStride bytes from row to row of the result
 */
record EdgeGeometry(
    int width, int height, int start, int stride, int sampleBytes, int shift, int edgesStride) {
  /** What the shader is told. */
  static final int BYTES = 7 * Integer.BYTES;

  /** The shader writes whole words. */
  private static final int WORD = 4;

  /** Pixels that an invocation makes, and a group of them. */
  private static final int INVOCATION_WIDTH = WORD;

  private static final int GROUP_WIDTH = 16 * INVOCATION_WIDTH;
  private static final int GROUP_HEIGHT = 8;

  /**
   * The geometry of a frame.
   *
   * @param frame what is read; the result begins with the first byte of its buffer
   */
  static EdgeGeometry of(VideoFrame frame) {
    return new EdgeGeometry(
        frame.width(),
        frame.height(),
        Math.toIntExact(frame.lumaStart()),
        frame.lumaStride(),
        frame.sampleBytes(),
        frame.shift(),
        edgesStride(frame));
  }

  /** How far the rows of a result are from one another. */
  static int edgesStride(VideoFrame frame) {
    return Math.ceilDiv(frame.width(), WORD) * WORD;
  }

  /** Groups of invocations across. */
  int groupsAcross() {
    return Math.ceilDiv(width, GROUP_WIDTH);
  }

  /** Groups of invocations down. */
  int groupsDown() {
    return Math.ceilDiv(height, GROUP_HEIGHT);
  }

  /** Writes all numbers, as the shader declares them. */
  void put(ByteBuffer constants) {
    constants
        .putInt(0, width)
        .putInt(4, height)
        .putInt(8, start)
        .putInt(12, stride)
        .putInt(16, sampleBytes)
        .putInt(20, shift)
        .putInt(24, edgesStride);
  }
}
