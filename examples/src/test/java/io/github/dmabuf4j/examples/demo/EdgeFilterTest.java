package io.github.dmabuf4j.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The filter against its own documentation, written down sample by sample. */
final class EdgeFilterTest {
  private static final int[][] SIZES = {
    {1, 1}, {2, 1}, {1, 2}, {2, 2}, {2, 3}, {3, 3}, {17, 5}, {5, 17}, {64, 33}, {65, 32}, {127, 67}
  };

  static Stream<Arguments> pictures() {
    return Stream.of(SIZES)
        .flatMap(
            size ->
                Stream.of(
                    Arguments.of(size[0], size[1], 1, 0),
                    Arguments.of(size[0], size[1], 2, 2),
                    Arguments.of(size[0], size[1], 2, 8)));
  }

  @ParameterizedTest(name = "{0}x{1}, {2} bytes per sample, shifted by {3}")
  @MethodSource("pictures")
  void rows_areWhatTheDocumentationSays(int width, int height, int sampleBytes, int shift) {
    Random random = new Random(31L * width + height);
    int inStride = width * sampleBytes + 6; // rows needn't be aligned
    int outStride = width + 3;
    int start = 10;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = arena.allocate(start + (long) inStride * height);
      MemorySegment out = arena.allocate((long) outStride * height);
      byte[] noise = new byte[(int) in.byteSize()];
      random.nextBytes(noise);
      in.copyFrom(MemorySegment.ofArray(noise));
      if (shift == 2) { // ten bits
        for (long at = start; at + 1 < in.byteSize(); at += 2) {
          in.set(ValueLayout.JAVA_BYTE, at + 1, (byte) random.nextInt(4));
        }
      }
      out.fill((byte) 77);

      EdgeFilter filter = new EdgeFilter(width, height, sampleBytes, shift);
      int middle = random.nextInt(height + 1); // two tiles, the later first
      if (middle < height) {
        filter.rows(in, start, inStride, out, outStride, middle, height);
      }
      if (middle > 0) {
        filter.rows(in, start, inStride, out, outStride, 0, middle);
      }

      Samples samples = new Samples(in, start, inStride, sampleBytes, shift, width, height);
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < outStride; x++) {
          int expected = x < width ? samples.edge(x, y) : 77;
          int actual = out.get(ValueLayout.JAVA_BYTE, (long) y * outStride + x) & 0xff;
          assertThat(actual).as("at %d, %d", x, y).isEqualTo(expected);
        }
      }
    }
  }

  private record Samples(
      MemorySegment in, int start, int stride, int bytes, int shift, int width, int height) {
    private int at(int x, int y) {
      int row = Math.clamp(y, 0, height - 1);
      long offset = start + (long) row * stride + (long) x * bytes;
      int value = in.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
      if (bytes == 2) {
        value |= (in.get(ValueLayout.JAVA_BYTE, offset + 1) & 0xff) << 8;
      }
      return value >> shift;
    }

    int edge(int x, int y) {
      if (x == 0 || x == width - 1) {
        return 0;
      }
      int across =
          at(x + 1, y - 1)
              + 2 * at(x + 1, y)
              + at(x + 1, y + 1)
              - at(x - 1, y - 1)
              - 2 * at(x - 1, y)
              - at(x - 1, y + 1);
      int down =
          at(x - 1, y + 1)
              + 2 * at(x, y + 1)
              + at(x + 1, y + 1)
              - at(x - 1, y - 1)
              - 2 * at(x, y - 1)
              - at(x + 1, y - 1);
      return Math.min(255, (Math.abs(across) + Math.abs(down)) / 2);
    }
  }
}
