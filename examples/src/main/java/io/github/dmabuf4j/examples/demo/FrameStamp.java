package io.github.dmabuf4j.examples.demo;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import io.github.dmabuf4j.FrameLayout;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/**
 * What a producer writes behind a picture, in the same buffer: its number, and the checksum of its
 * visible samples.
 *
 * @param number from 0
 * @param checksum CRC-32C of all rows
 */
record FrameStamp(long number, long checksum) {
  /** Bytes behind the picture, at a multiple of as many. */
  static final long BYTES = 2 * Long.BYTES;

  /** How large a buffer must be for a picture and its stamp. */
  static long sizeWith(long pictureBytes) {
    return offset(pictureBytes) + BYTES;
  }

  private static long offset(long pictureBytes) {
    return Math.ceilDiv(pictureBytes, BYTES) * BYTES;
  }

  /** The stamp behind a picture. */
  static FrameStamp read(FrameLayout layout, MemorySegment buffer) {
    long at = offset(layout.totalBytes());
    return new FrameStamp(
        buffer.get(JAVA_LONG_UNALIGNED, at), buffer.get(JAVA_LONG_UNALIGNED, at + Long.BYTES));
  }

  void write(FrameLayout layout, MemorySegment buffer) {
    long at = offset(layout.totalBytes());
    buffer.set(JAVA_LONG_UNALIGNED, at, number);
    buffer.set(JAVA_LONG_UNALIGNED, at + Long.BYTES, checksum);
  }

  /** The checksum of a picture, of all that is visible. */
  static long checksum(FrameLayout layout, MemorySegment buffer) {
    CRC32C checksum = new CRC32C();
    for (int plane = 0; plane < layout.format().planes().size(); plane++) {
      for (int row = 0; row < layout.planeRows(plane); row++) {
        checksum.update(layout.row(plane, row, buffer).asByteBuffer());
      }
    }
    return checksum.getValue();
  }
}
