package io.github.dmabuf4j.swap;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How content is cut up. A slice is what is compressed at once: large enough for the codec to be at
 * its full speed, small enough for slice and result to stay in a core's cache. A chunk is what is
 * put in one place, some slices together, so that stored content is in few pieces.
 *
 * <p>What a slice was made of is one number, its <i>mark</i>: how many bytes it takes in its chunk,
 * and its form.
 */
final class Slices {
  /** Bytes of a slice; the last one of a buffer may be shorter. */
  static final int SLICE = 128 << 10;

  /** Bytes of a chunk of slices as they were. */
  static final int CHUNK = 4 * SLICE;

  /**
   * The most bytes of any chunk: beyond those of slices as they were, room for what the codec wants
   * to see free in the worst case.
   */
  static final int LONGEST_CHUNK = CHUNK + (16 << 10);

  /** What accounts are in. */
  static final long PAGE = 4096;

  /** The bytes as they were. */
  static final int RAW = 0;

  /** What the codec made of them. */
  static final int COMPRESSED = 1;

  /** The first {@link #WORD} of bytes that repeat them. */
  static final int UNIFORM = 2;

  /** Bytes of a word. */
  static final int WORD = 8;

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

  private Slices() {}

  static int mark(int form, int bytes) {
    return (bytes << 2) | form;
  }

  static int form(int mark) {
    return mark & 3;
  }

  static int bytes(int mark) {
    return mark >>> 2;
  }

  static long pages(long bytes) {
    return (bytes + PAGE - 1) / PAGE;
  }

  static long wholePages(long bytes) {
    return pages(bytes) * PAGE;
  }

  /**
   * Whether the same {@link #WORD} bytes fill it from its start to its end, where they may be cut
   * off. Ends at the first difference.
   */
  static boolean isUniform(MemorySegment bytes) {
    long size = bytes.byteSize();
    return size <= WORD || MemorySegment.mismatch(bytes, WORD, size, bytes, 0, size - WORD) < 0;
  }

  /** The first word; the bytes it lacks are zero. */
  static long firstWord(MemorySegment bytes) {
    if (bytes.byteSize() >= WORD) {
      return bytes.get(LONG, 0);
    }
    MemorySegment word = MemorySegment.ofArray(new byte[WORD]);
    MemorySegment.copy(bytes, 0, word, 0, bytes.byteSize());
    return word.get(LONG, 0);
  }

  /** Fills it with a word. */
  static void fill(MemorySegment target, long word) {
    long size = target.byteSize();
    byte low = (byte) word;
    if (word == 0x0101010101010101L * (low & 0xff)) {
      target.fill(low);
      return;
    }
    MemorySegment pattern = MemorySegment.ofArray(new long[] {word});
    MemorySegment.copy(pattern, 0, target, 0, Math.min(WORD, size));
    for (long done = WORD; done < size; done *= 2) {
      MemorySegment.copy(target, 0, target, done, Math.min(done, size - done));
    }
  }
}
