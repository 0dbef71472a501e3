package io.github.dmabuf4j.swap;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/** Kinds of content to store. */
enum Content {
  /** Incompressible. */
  RANDOM,
  /** All zero. */
  ZERO,
  /** One word over and over. */
  WORD,
  /** Like a decoded frame: smooth, with a little noise in the lowest bits of some of it. */
  PICTURE,
  /** Words of a small language. */
  TEXT,
  /** Random and uniform stretches in turn. */
  MIXED;

  private static final String[] WORDS = {
    "fence ", "buffer ", "reservation ", "the ", "waits ", "for ", "signal ", "page ", "lock "
  };

  /** Fills it; the same seed gives the same bytes. */
  MemorySegment fill(MemorySegment target, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    switch (this) {
      case RANDOM -> random(target, random);
      case ZERO -> target.fill((byte) 0);
      case WORD -> Slices.fill(target, random.nextLong());
      case PICTURE -> picture(target, random);
      case TEXT -> text(target, random);
      case MIXED -> mixed(target, random);
    }
    return target;
  }

  private static void random(MemorySegment target, SplittableRandom random) {
    byte[] bytes = new byte[(int) target.byteSize()];
    random.nextBytes(bytes);
    target.copyFrom(MemorySegment.ofArray(bytes));
  }

  private static void picture(MemorySegment target, SplittableRandom random) {
    int width = 720;
    byte[] bytes = new byte[(int) target.byteSize()];
    for (int i = 0; i < bytes.length; i++) {
      int x = i % width;
      int y = i / width;
      int noise = (y / 16) % 3 == 0 ? random.nextInt(4) : 0;
      bytes[i] = (byte) (x / 8 + y / 4 + noise);
    }
    target.copyFrom(MemorySegment.ofArray(bytes));
  }

  private static void text(MemorySegment target, SplittableRandom random) {
    StringBuilder text = new StringBuilder();
    while (text.length() < target.byteSize()) {
      text.append(WORDS[random.nextInt(WORDS.length)]);
    }
    byte[] bytes = text.toString().getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    target.copyFrom(MemorySegment.ofArray(bytes).asSlice(0, target.byteSize()));
  }

  private static void mixed(MemorySegment target, SplittableRandom random) {
    long size = target.byteSize();
    for (long at = 0; at < size; ) {
      MemorySegment part = target.asSlice(at, Math.min(size - at, 1 + random.nextInt(400_000)));
      (random.nextBoolean() ? RANDOM : WORD).fill(part, random.nextLong());
      at += part.byteSize();
    }
  }

  /** A number that content with another byte anywhere most likely doesn't have. */
  static long hash(MemorySegment bytes) {
    java.util.zip.CRC32 crc = new java.util.zip.CRC32();
    crc.update(bytes.asByteBuffer());
    return (crc.getValue() << 32) | (bytes.byteSize() & 0xffffffffL);
  }

  /** Turns one bit over. */
  static void flip(MemorySegment bytes, long at) {
    bytes.set(ValueLayout.JAVA_BYTE, at, (byte) (bytes.get(ValueLayout.JAVA_BYTE, at) ^ 4));
  }
}
