package io.github.dmabuf4j.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Vmap;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Measure;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
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
 * What it costs to come to the bytes of a mapped buffer and to leave them: a pair of vmap and
 * vunmap, with one byte read in between. Beside it: an uncontended pair of a ReentrantLock, and an
 * arena with a segment alone, which is what the detection of a use after close costs.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar VmapBenchmark -prof gc
 * </pre>
 *
 * <p>{@code shared} is measured beside threads that do nothing: closing a shared arena asks each of
 * them whether it is inside.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class VmapBenchmark {
  /** The bar is four of these. */
  @Benchmark
  public int reentrantLock(Peers.Lock lock) {
    return lock.pair();
  }

  /** An arena, a segment of it, one byte. */
  @Benchmark
  public byte arenaAlone(Bytes bytes) {
    try (Arena arena = Arena.ofConfined()) {
      return bytes.bytes.reinterpret(Peers.SIZE, arena, null).get(JAVA_BYTE, 0);
    }
  }

  /** Memory that was there before. */
  @State(Scope.Thread)
  public static class Bytes {
    final MemorySegment bytes =
        MemorySegment.ofAddress(Arena.global().allocate(Peers.SIZE).address());
  }

  /** A hold; the segment stays inside. */
  @Benchmark
  @Bar(
      row = "cached vmap pair, use after close detected",
      peers = @Peer(method = "reentrantLock"),
      atMost = 4,
      stretch = 2)
  @Bar(
      row = "Java heap of a vmap pair whose segment doesn't escape",
      measure = Measure.JAVA_HEAP,
      atMost = 0.5)
  public byte confined(Peers.Idle idle) {
    try (Hold hold = idle.buffer.hold()) {
      return hold.segment().get(JAVA_BYTE, 0);
    }
  }

  /** A hold whose segment is seen by others. */
  @Benchmark
  @Bar(
      row = "Java heap of a vmap pair whose segment escapes",
      measure = Measure.JAVA_HEAP,
      atMost = 160)
  public MemorySegment confinedEscaping(Peers.Idle idle) {
    try (Hold hold = idle.buffer.hold()) {
      return hold.segment();
    }
  }

  /** A hold of the kind that doesn't notice a use after close. */
  @Benchmark
  public byte pool(Peers.Idle idle) {
    try (Hold hold = idle.buffer.hold(ArenaKind.POOL)) {
      return hold.segment().get(JAVA_BYTE, 0);
    }
  }

  /** Under the reservation, which is taken and given back as well. */
  @Benchmark
  public byte locked(Peers.Idle idle) {
    var reservation = idle.buffer.reservation();
    reservation.lock();
    try (Vmap vmap = idle.buffer.vmapLocked()) {
      return vmap.segment().get(JAVA_BYTE, 0);
    } finally {
      reservation.unlock();
    }
  }

  /** Threads that do nothing. */
  @State(Scope.Benchmark)
  public static class Bystanders {
    /** How many, the measuring one included. */
    @Param({"2", "100", "400"})
    public int threads;

    private volatile boolean over;
    private final List<Thread> bystanders = new ArrayList<>();

    /** Starts them. */
    @Setup
    public void start() {
      for (int i = 1; i < threads; i++) {
        bystanders.add(Thread.ofPlatform().daemon().start(this::standBy));
      }
    }

    private void standBy() {
      while (!over) {
        LockSupport.park(this);
      }
    }

    /** Ends them. */
    @TearDown
    public void end() throws InterruptedException {
      over = true;
      for (Thread thread : bystanders) {
        LockSupport.unpark(thread);
        thread.join();
      }
    }
  }

  /** A hold for any thread. */
  @Benchmark
  public byte shared(Peers.Idle idle, Bystanders bystanders) {
    try (Hold hold = idle.buffer.hold(ArenaKind.SHARED)) {
      return hold.segment().get(JAVA_BYTE, 0);
    }
  }
}
