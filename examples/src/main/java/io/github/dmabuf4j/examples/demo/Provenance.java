package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.PixelFormat;

/**
 * Proves by addresses which planes stayed where they were from stage to stage. A plane that was
 * only handed on must be seen at the same address on both sides, and inside a buffer of the heap;
 * what can't be shown to have stayed there counts as copied, whoever moved it and however.
 *
 * <p><b>Threads.</b> For the encode thread; the figure may be read after it has ended.
 */
final class Provenance {
  private final boolean inHeap;
  private long copiedBytes;

  /**
   * Begins with nothing copied.
   *
   * @param inHeap whether planes have to lie in the buffers that the trail names
   */
  Provenance(boolean inHeap) {
    this.inHeap = inHeap;
  }

  long copiedBytes() {
    return copiedBytes;
  }

  /** Adds the bytes of a picture that were copied between any two stages. */
  void check(Picture picture) {
    Picture.Trail trail = picture.trail;
    PixelFormat format = picture.format;
    for (int plane = 0; plane < format.planes().size(); plane++) {
      long bytes = visibleBytes(format, plane, picture.width, picture.height);
      long seen = trail.atDecoderOutput[plane];
      boolean stayed = seen == trail.atFilterInput[plane];
      if (inHeap) {
        stayed &= isInside(seen, bytes, trail.decodedStart, trail.decodedEnd);
      }
      copiedBytes += stayed ? 0 : bytes;
      if (plane > 0 && handsChromaOn(format)) {
        copiedBytes += trail.atFilterInput[plane] == trail.atEncoderInput[plane] ? 0 : bytes;
      }
    }
    long luma = visibleBytes(PixelFormat.GRAY8, 0, picture.width, picture.height);
    boolean stayed = trail.atFilterOutput == trail.atEncoderInput[0];
    if (inHeap) {
      stayed &= isInside(trail.atFilterOutput, luma, trail.edgesStart, trail.edgesEnd);
    }
    copiedBytes += stayed ? 0 : luma;
  }

  /** Whether the encoder takes chroma as it was decoded; otherwise it gets neutral gray. */
  static boolean handsChromaOn(PixelFormat format) {
    return format == PixelFormat.I420;
  }

  private static boolean isInside(long address, long bytes, long start, long end) {
    return start <= address && address + bytes <= end;
  }

  private static long visibleBytes(PixelFormat format, int plane, int width, int height) {
    PixelFormat.Plane grid = format.plane(plane);
    return grid.rowBytes(width) * grid.rows(height);
  }
}
