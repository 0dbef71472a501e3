package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.PixelFormat;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.global.avcodec;
import org.jspecify.annotations.Nullable;

/**
 * How a picture has to lie in memory for FFmpeg's codecs to work in it: rows and columns up to
 * whole blocks, vector-aligned strides, and some bytes to read past the end. The same sums as in
 * FFmpeg's own {@code avcodec_default_get_buffer2}.
 *
 * @param pixelFormat FFmpeg's number
 * @param width coded pixels across
 * @param height coded pixels down
 * @param layout where the planes lie
 * @param request what to ask a heap for
 */
record FrameGeometry(
    int pixelFormat, int width, int height, FrameLayout layout, AllocationRequest request) {
  /**
   * Pixels that FFmpeg's MPEG encoders add on each side. The strides of decoded pictures leave room
   * for them, because these encoders read a picture in place only if its strides are their own.
   */
  private static final int ENCODER_EDGE = 16;

  /** Bytes that vector code may touch after the last row: two of the widest registers. */
  private static final int TAIL_BYTES = 128;

  private static final int MAX_ALIGNMENTS = 8;

  /** What a codec needs for pictures of one kind. */
  static FrameGeometry of(
      AVCodecContext codec, int pixelFormat, PixelFormat format, int width, int height) {
    int[] alignments = new int[MAX_ALIGNMENTS];
    int[] paddedHeight = {height};
    avcodec.avcodec_align_dimensions2(codec, new int[] {width}, paddedHeight, alignments);
    FrameLayout layout =
        FrameLayout.builder(format, width, height)
            .paddedSize(paddedWidth(codec, format, width), paddedHeight[0])
            .strideAlignment(1)
            .tailBytes(TAIL_BYTES)
            .build();
    AllocationRequest request =
        AllocationRequest.of(layout).uninitialized().name("decoded frame").build();
    return new FrameGeometry(pixelFormat, width, height, layout, request);
  }

  /**
   * A width for which the strides of all planes are aligned as the codec wants, edges included.
   *
   * @param codec a decoder or an encoder
   */
  static int paddedWidth(AVCodecContext codec, PixelFormat format, int width) {
    int[] alignments = new int[MAX_ALIGNMENTS];
    int[] padded = {width + 2 * ENCODER_EDGE};
    avcodec.avcodec_align_dimensions2(codec, padded, new int[] {1}, alignments);
    while (!isAligned(format, padded[0], alignments)) {
      padded[0] += Integer.lowestOneBit(padded[0]);
    }
    return padded[0];
  }

  private static boolean isAligned(PixelFormat format, int width, int[] alignments) {
    for (int plane = 0; plane < format.planes().size(); plane++) {
      if (format.plane(plane).rowBytes(width) % Math.max(1, alignments[plane]) != 0) {
        return false;
      }
    }
    return true;
  }

  /** Whether a picture of this kind is laid out so. */
  static boolean fits(@Nullable FrameGeometry known, int pixelFormat, int width, int height) {
    return known != null
        && known.pixelFormat == pixelFormat
        && known.width == width
        && known.height == height;
  }
}
