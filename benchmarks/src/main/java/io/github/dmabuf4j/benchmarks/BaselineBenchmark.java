package io.github.dmabuf4j.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What the JDK's own off-heap memory costs, to judge ours against: a fresh zeroed segment per use,
 * first and last byte touched.
 *
 * <pre>java -jar benchmarks/target/benchmarks.jar Baseline</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class BaselineBenchmark {
  /** 4 KiB, 64 KiB, and an I420 frame of 1920×1080. */
  @Param({"4096", "65536", "3110400"})
  public int bytes;

  /** A confined arena per use. */
  @Benchmark
  public byte confined() {
    try (Arena arena = Arena.ofConfined()) {
      return touch(arena.allocate(bytes, 64));
    }
  }

  /** A shared arena per use. */
  @Benchmark
  public byte shared() {
    try (Arena arena = Arena.ofShared()) {
      return touch(arena.allocate(bytes, 64));
    }
  }

  private static byte touch(MemorySegment segment) {
    segment.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
    return segment.get(ValueLayout.JAVA_BYTE, segment.byteSize() - 1);
  }
}
