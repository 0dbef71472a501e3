package io.github.dmabuf4j.examples.demo;

import java.nio.file.Path;

/** Decodes a result again, to see that it is whole. */
public final class DecodedFrames {
  private DecodedFrames() {}

  /** How many pictures can be decoded from a file, without a damaged one. */
  public static long count(Path file) throws Exception {
    try (CopiedFrames memory = new CopiedFrames();
        Demuxer source = Demuxer.open(file);
        Decoder decoder = Decoder.open(source, memory, 1)) {
      long count = 0;
      while (decoder.next()) {
        count++;
      }
      if (decoder.damagedFrames() > 0 || source.isCut(count)) {
        throw new AssertionError(
            "%s: %d of %d pictures are damaged, cut: %s"
                .formatted(file, decoder.damagedFrames(), count, source.isCut(count)));
      }
      return count;
    }
  }
}
