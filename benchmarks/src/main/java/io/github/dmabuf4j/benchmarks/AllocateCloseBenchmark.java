package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Measure;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.util.ArrayList;
import java.util.List;
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
 * What it costs to get memory and to give it back on the same thread, beside some that is live.
 *
 * <ul>
 *   <li>{@code allocateClose}: whatever was in the memory stays in it, and nobody looks. An arena
 *       zeroes all the same.
 *   <li>{@code allocateTouchClose}: the ends of each page are written, so that memory that was
 *       given back to the operating system meanwhile has to come again.
 *   <li>{@code allocateZeroedClose}: all of it is zero when it comes.
 * </ul>
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar AllocateCloseBenchmark -prof gc -prof io.github.dmabuf4j.benchmarks.command.CpuTimeProfiler
 * </pre>
 */
@State(Scope.Benchmark)
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
public class AllocateCloseBenchmark {
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
    "arena-confined",
    "arena-shared"
  })
  public String strategy;

  /** The size: two of messages, a mebibyte, and I420 frames of 1920×1080 and 3840×2160. */
  @Param({"4096", "65536", "1048576", "3110400", "12441600"})
  public int bytes;

  /** How many of that size are live all the time. */
  @Param({"0", "1", "8"})
  public int live;

  private Strategy memory;
  private final List<Object> kept = new ArrayList<>();

  /** Allocates what stays live. */
  @Setup
  public void begin() {
    memory = Strategy.named(strategy, bytes);
    for (int i = 0; i < live; i++) {
      kept.add(memory.allocate(0));
    }
  }

  /** Gives everything back; fails if that isn't all. */
  @TearDown
  public void end() {
    kept.forEach(memory::free);
    memory.close();
  }

  /** Of any content. */
  @Bar(
      row = "allocate + close, 4 KiB and 64 KiB, 1 thread",
      of = {"strategy=dmabuf4j", "bytes=4096|65536"},
      peers = @Peer(with = {"strategy=netty-*", "live=*"}),
      atMost = 0.5,
      stretch = 0.25)
  @Bar(
      row = "allocate + close, 1080p and 4K frames, against Netty",
      of = {"strategy=dmabuf4j", "bytes=3110400|12441600"},
      peers = @Peer(with = {"strategy=netty-*", "live=*"}),
      atMost = 0.1)
  @Bar(
      row = "allocate + close, 1080p and 4K frames, against malloc + free",
      of = {"strategy=dmabuf4j", "bytes=3110400|12441600"},
      peers = @Peer(with = "strategy=malloc"),
      atMost = 1,
      stretch = 0.5)
  @Bar(
      row = "Java heap per allocate + close",
      of = "strategy=dmabuf4j",
      measure = Measure.JAVA_HEAP,
      atMost = 64,
      stretch = 40)
  @Benchmark
  public Object allocateClose() {
    Object buffer = memory.allocate(0);
    memory.free(buffer);
    return buffer;
  }

  /** Of any content, and each page used. */
  @Bar(
      row = "allocate + close, 1080p and 4K frames, ends of pages touched",
      of = {"strategy=dmabuf4j", "bytes=3110400|12441600"},
      peers = {@Peer(with = {"strategy=netty-*", "live=*"}), @Peer(with = "strategy=malloc")},
      atMost = 1)
  @Benchmark
  public byte allocateTouchClose() {
    Object buffer = memory.allocate(0);
    byte last = memory.touch(buffer);
    memory.free(buffer);
    return last;
  }

  /** Zeroed. */
  @Bar(
      row = "allocate + close, zeroed",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=arena-confined"),
      measure = Measure.CPU_TIME,
      atMost = 1,
      stretch = 0.7)
  @Benchmark
  public Object allocateZeroedClose() {
    Object buffer = memory.allocateZeroed(0);
    memory.free(buffer);
    return buffer;
  }
}
