package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.benchmarks.command.FootprintProfiler;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Measure;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Allocation beside many live buffers of 4 KiB that nobody touches. {@code heap.each} is what each
 * live buffer takes of the Java heap, {@code committed.each} of memory, both as far as the strategy
 * can tell.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar LiveSetBenchmark -prof io.github.dmabuf4j.benchmarks.command.FootprintProfiler
 * </pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:MaxDirectMemorySize=8g",
      "-Xmx2g"
    })
@SuppressWarnings("NullAway.Init") // by JMH
public class LiveSetBenchmark {
  private static final int BYTES = 4096;

  /** Whose memory it is. */
  @Param({"dmabuf4j", "netty-pooled", "netty-adaptive", "malloc"})
  public String strategy;

  /** How many are live. */
  @Param({"1000", "1000000"})
  public int live;

  private Strategy memory;
  private Object[] ring;
  private int oldest;

  /** Allocates them. */
  @Setup
  public void fill() {
    memory = Strategy.named(strategy, BYTES);
    memory.free(memory.allocate(0)); // its classes are loaded
    ring = new Object[live];
    long before = FootprintProfiler.usedHeap();
    for (int i = 0; i < live; i++) {
      ring[i] = memory.allocate(0);
    }
    FootprintProfiler.note("heap.each", (double) (FootprintProfiler.usedHeap() - before) / live);
    FootprintProfiler.note("committed.each", (double) memory.committedBytes() / live);
  }

  /** Gives them back. */
  @TearDown
  public void end() {
    for (Object buffer : ring) {
      memory.free(buffer);
    }
    memory.close();
  }

  /** One more beside them, given back at once: what an allocation costs while they are live. */
  @Bar(
      row = "live set of 1,000,000 small buffers: Java heap each, bytes",
      of = {"strategy=dmabuf4j", "live=1000000"},
      measure = Measure.COUNTER,
      counter = "heap.each",
      atMost = 160,
      stretch = 96)
  @Bar(
      row = "live set of 1,000,000 small buffers: an allocation against that at 1,000",
      of = {"strategy=dmabuf4j", "live=1000000"},
      peers = @Peer(with = "live=1000"),
      atMost = 1.3)
  @Benchmark
  public Object allocateClose() {
    Object buffer = memory.allocate(0);
    memory.free(buffer);
    return buffer;
  }

  /**
   * Replaces the oldest. With so many, what is given back isn't in the processor's caches any more,
   * whatever the strategy.
   */
  @Benchmark
  public Object replace() {
    int place = oldest;
    memory.free(ring[place]);
    Object fresh = memory.allocate(0);
    ring[place] = fresh;
    oldest = place + 1 == live ? 0 : place + 1;
    return fresh;
  }
}
