package io.github.dmabuf4j.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.ScatterList;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Bytes that a test can recognise: each depends on its offset and on a seed. */
final class Pattern {
  private Pattern() {}

  static byte at(long offset, int seed) {
    return (byte) (offset * 31 + (offset >>> 8) + seed * 17L + 1);
  }

  static void put(MemorySegment segment, int seed) {
    for (long i = 0; i < segment.byteSize(); i++) {
      segment.set(ValueLayout.JAVA_BYTE, i, at(i, seed));
    }
  }

  static void assertIn(MemorySegment segment, int seed) {
    assertIn(segment, 0, segment.byteSize(), seed);
  }

  private static void assertIn(MemorySegment segment, long offset, long size, int seed) {
    for (long i = 0; i < size; i++) {
      byte found = segment.get(ValueLayout.JAVA_BYTE, i);
      if (found != at(offset + i, seed)) {
        long where = offset + i;
        assertEquals(at(where, seed), found, () -> "the byte at " + where);
      }
    }
  }

  static void assertIn(ScatterList pieces, long size, int seed) {
    assertTrue(pieces.byteSize() >= size, "the pieces cover the buffer");
    long offset = 0;
    for (MemorySegment piece : pieces.segments()) {
      long here = Math.min(piece.byteSize(), size - offset);
      assertIn(piece, offset, here, seed);
      offset += here;
    }
  }

  static void put(ScatterList pieces, long size, int seed) {
    long offset = 0;
    for (MemorySegment piece : pieces.segments()) {
      for (long i = 0; i < piece.byteSize() && offset < size; i++, offset++) {
        piece.set(ValueLayout.JAVA_BYTE, i, at(offset, seed));
      }
    }
  }

  /** Finds one pattern in all of a segment, whichever. */
  static void assertWhole(MemorySegment segment) {
    int seed = 0;
    while (at(0, seed) != segment.get(ValueLayout.JAVA_BYTE, 0)) {
      seed++; // one of 256, for 17 is odd
    }
    assertIn(segment, seed);
  }

  /** Finds one pattern in all of a buffer, in a closure. */
  static void assertWhole(DmaBuf buffer) throws InterruptedException {
    boolean _ =
        buffer.read(
            segment -> {
              assertWhole(segment);
              return true;
            });
  }

  /** Writes the buffer, in a closure. */
  static void write(DmaBuf buffer, int seed) throws InterruptedException {
    buffer.write(segment -> put(segment, seed));
  }

  /** Reads the buffer, in a closure. */
  static void assertIn(DmaBuf buffer, int seed) throws InterruptedException {
    buffer.read(
        segment -> {
          assertIn(segment, seed);
          return true;
        });
  }
}
