package io.github.dmabuf4j.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.CpuAccess;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What access to an idle buffer costs in the ways that wait for others: one byte is read or
 * written. A closure takes a hold, publishes a fence, and signals it; a bracket takes the hold
 * alone; a job does what a closure does, for any number of buffers.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar CpuAccessBenchmark -prof gc
 * </pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class CpuAccessBenchmark {
  /** The bar is eight of these. */
  @Benchmark
  public int reentrantLock(Peers.Lock lock) {
    return lock.pair();
  }

  /** Reads in a closure. */
  @Benchmark
  @Bar(
      row = "access to an idle buffer: read closure",
      peers = @Peer(method = "reentrantLock"),
      atMost = 8)
  public byte read(Peers.Idle idle) throws InterruptedException {
    return idle.buffer.read(segment -> segment.get(JAVA_BYTE, 0));
  }

  /** Reads in a closure that lets others see the segment. */
  @Benchmark
  public MemorySegment readEscaping(Peers.Idle idle) throws InterruptedException {
    return idle.buffer.read(segment -> segment);
  }

  /** Writes in a closure. */
  @Benchmark
  @Bar(
      row = "access to an idle buffer: write closure",
      peers = @Peer(method = "reentrantLock"),
      atMost = 8)
  public void write(Peers.Idle idle) throws InterruptedException {
    idle.buffer.write(segment -> segment.set(JAVA_BYTE, 0, (byte) 1));
  }

  /** Reads in a bracket. */
  @Benchmark
  @Bar(
      row = "access to an idle buffer: bracket",
      peers = @Peer(method = "reentrantLock"),
      atMost = 8)
  public byte bracket(Peers.Idle idle) throws InterruptedException {
    try (CpuAccess access = idle.buffer.beginCpuAccess(Access.READ)) {
      return access.segment().get(JAVA_BYTE, 0);
    }
  }

  /** Writes in a job. */
  @Benchmark
  public void job(Peers.Idle idle) throws InterruptedException {
    try (Job job = Job.named("benchmark").writes(idle.buffer).publish()) {
      job.run(access -> access.segment(idle.buffer).set(JAVA_BYTE, 0, (byte) 1));
    }
  }
}
