package io.github.dmabuf4j.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * The sizes that a run of the demo allocated, each with how often: {@code demo-sizes.csv}, which
 * says how it was made. Immutable.
 */
final class TracedSizes {
  private static final String TRACE = "demo-sizes.csv";

  private final int[] sizes;

  /** For each size how many allocations were of it or of one before it. */
  private final int[] counts;

  private TracedSizes(List<String> lines) {
    sizes = new int[lines.size()];
    counts = new int[lines.size()];
    int count = 0;
    for (int i = 0; i < sizes.length; i++) {
      String line = lines.get(i);
      int comma = line.indexOf(',');
      sizes[i] = Integer.parseInt(line.substring(0, comma));
      count += Integer.parseInt(line.substring(comma + 1));
      counts[i] = count;
    }
  }

  /**
   * Those of the demo with its own clip.
   *
   * @throws IllegalStateException if the trace isn't in the program
   */
  static TracedSizes ofDemo() {
    try (InputStream in = TracedSizes.class.getResourceAsStream(TRACE)) {
      if (in == null) {
        throw new IllegalStateException(TRACE + " isn't in the program: build it with Maven");
      }
      List<String> lines = new ArrayList<>(new String(in.readAllBytes(), UTF_8).lines().toList());
      lines.removeIf(line -> line.startsWith("#"));
      return new TracedSizes(lines);
    } catch (IOException e) {
      throw new IllegalStateException(TRACE + " can't be read", e);
    }
  }

  /** The sizes, in bytes, ascending. */
  int[] sizes() {
    return sizes.clone();
  }

  /** How many allocations were traced. */
  int allocations() {
    return counts[counts.length - 1];
  }

  /** What an allocation has on average, in bytes. */
  double meanBytes() {
    long sum = 0;
    for (int i = 0; i < sizes.length; i++) {
      sum += (long) sizes[i] * (counts[i] - (i == 0 ? 0 : counts[i - 1]));
    }
    return (double) sum / allocations();
  }

  /** One of the sizes, each as likely as it was in the demo: its index. */
  int next(RandomGenerator dice) {
    int found = Arrays.binarySearch(counts, dice.nextInt(allocations()) + 1);
    return found >= 0 ? found : -found - 1;
  }
}
