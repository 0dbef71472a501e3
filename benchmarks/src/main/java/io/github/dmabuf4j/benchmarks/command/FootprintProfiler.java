package io.github.dmabuf4j.benchmarks.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * What a benchmark says of memory, beside the time that JMH measures. JMH's own auxiliary counters
 * are added up over iterations, which makes no sense of a size.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar … -prof io.github.dmabuf4j.benchmarks.command.FootprintProfiler
 * </pre>
 */
public final class FootprintProfiler implements InternalProfiler {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String RESIDENT = "VmRSS:";
  private static final Map<String, Double> NOTED = new ConcurrentSkipListMap<>();

  /** For JMH. */
  public FootprintProfiler() {}

  /**
   * Notes a figure, until it is noted again.
   *
   * @param name its row
   * @param bytes its value; one below 0 is nothing that is known, and isn't shown
   */
  public static void note(String name, double bytes) {
    if (bytes >= 0) {
      NOTED.put(name, bytes);
    }
  }

  @Override
  public String getDescription() {
    return "bytes that the benchmark counts itself";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    // What was noted in the set-up counts.
  }

  @Override
  public Collection<? extends Result<?>> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    return NOTED.entrySet().stream().map(FootprintProfiler::row).toList();
  }

  private static Result<?> row(Map.Entry<String, Double> figure) {
    return new ScalarResult(figure.getKey(), figure.getValue(), "B", AggregationPolicy.AVG);
  }

  /**
   * The bytes of the Java heap that are in use after a collection.
   *
   * @return bytes
   */
  public static long usedHeap() {
    Runtime runtime = Runtime.getRuntime();
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      System.gc();
      least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
    }
    return least;
  }

  /**
   * The bytes of memory that the process has now, the Java heap included.
   *
   * @return bytes, in which the kernel may be wrong by some pages; -1 if the system doesn't say
   */
  public static long residentBytes() {
    try (var lines = Files.lines(STATUS)) {
      return lines
          .filter(line -> line.startsWith(RESIDENT))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
          .findFirst()
          .orElse(-1);
    } catch (IOException e) {
      return -1;
    }
  }
}
