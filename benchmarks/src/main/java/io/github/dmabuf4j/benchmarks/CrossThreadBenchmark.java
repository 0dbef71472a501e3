package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Group;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Control;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * One thread allocates, another one gives back, with a ring of {@value #RING} places in between:
 * what a pipeline does. The score is the time for each buffer, the ring included, which is the same
 * for all. Memory has any content, and nobody looks.
 *
 * <p>An arena that is confined can't be closed by another thread, so it isn't here.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar CrossThreadBenchmark
 * </pre>
 */
@State(Scope.Group)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 4, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:MaxDirectMemorySize=8g",
      "-Xms1g", // the Java heap is there from the start: whoever makes objects doesn't pay for that
      "-Xmx1g",
      "-XX:+AlwaysPreTouch"
    })
@SuppressWarnings("NullAway.Init") // by JMH
public class CrossThreadBenchmark {
  private static final int RING = 256;

  /** Whose memory it is. */
  @Param({
    "dmabuf4j",
    "netty-pooled",
    "netty-pooled-unsafe",
    "netty-pooled-o13",
    "netty-pooled-o13-unsafe",
    "netty-adaptive",
    "netty-adaptive-unsafe",
    "malloc",
    "arena-shared"
  })
  public String strategy;

  /** The size. */
  @Param({"4096", "65536", "3110400"})
  public int bytes;

  private Strategy memory;
  private final AtomicReferenceArray<Object> ring = new AtomicReferenceArray<>(RING);

  /** The place where a thread goes on; one for each, as JMH makes one for each thread. */
  @State(Scope.Thread)
  public static class Position {
    private long next;

    /** Begins where the ring is empty, in each iteration. */
    @Setup(Level.Iteration)
    public void begin(ThreadParams ignored) {
      next = 0;
    }

    private int advance() {
      return (int) (next++ & (RING - 1));
    }
  }

  /** Opens it. */
  @Setup
  public void begin() {
    memory = Strategy.named(strategy, bytes);
  }

  /** Gives back what is in the ring when an iteration ends. */
  @TearDown(Level.Iteration)
  public void drain() {
    for (int i = 0; i < RING; i++) {
      Object left = ring.getAndSet(i, null);
      if (left != null) {
        memory.free(left);
      }
    }
  }

  /** Fails if something is left. */
  @TearDown
  public void end() {
    memory.close();
  }

  /** Allocates, and waits for a place. */
  @Bar(
      row = "allocate here, close on another thread",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=netty-*"),
      atMost = 0.7,
      stretch = 0.4)
  @Benchmark
  @Group("handOver")
  public void allocate(Position position, Control control) {
    Object buffer = memory.allocate(0);
    int place = position.advance();
    while (ring.getAcquire(place) != null) {
      if (control.stopMeasurement) {
        memory.free(buffer);
        return;
      }
      Thread.onSpinWait();
    }
    ring.setRelease(place, buffer);
  }

  /** Waits for a buffer, and gives it back. */
  @Benchmark
  @Group("handOver")
  public void free(Position position, Control control) {
    int place = position.advance();
    Object buffer = ring.getAcquire(place);
    while (buffer == null) {
      if (control.stopMeasurement) {
        return;
      }
      Thread.onSpinWait();
      buffer = ring.getAcquire(place);
    }
    ring.setRelease(place, null);
    memory.free(buffer);
  }
}
