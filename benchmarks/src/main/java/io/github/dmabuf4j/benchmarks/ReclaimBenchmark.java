package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What reclaim adds to what has to be done anyway: the codec, the kernel's taking pages back, locks
 * that can't be had. Each is beside a peer that does just that.
 *
 * <table>
 * <caption>Equal work</caption>
 * <tr><th>ours</th><th>peer</th></tr>
 * <tr><td>{@code evict}: finds the frames, locks them, compresses them into memory that comes from the operating system, gives
 *   theirs back to it</td><td>{@code compressGivingBack}: the codec, into memory without pages; {@code madvise} for each frame.
 *   {@code compress}: the codec alone, all pages there, none given back</td></tr>
 * <tr><td>{@code swapIn}: the first use of each frame: takes memory from the operating system, decompresses, checks checksums,
 *   frees what the store had</td><td>{@code decompressTaking}: the codec, into memory without pages. {@code decompress}: the same
 *   with all pages there</td></tr>
 * <tr><td>{@code purge}: 300 MB of buffers, each of whose pages is there</td><td>{@code giveBack}: one {@code madvise} for one
 *   mapping of as much</td></tr>
 * <tr><td>{@code scan}: asks 100,000 buffers of which none can go</td><td>{@code tryLock}: 100,000 failed try-locks of their
 *   reservations; {@code tryLockEach}: the same, by way of the buffers</td></tr>
 * </table>
 *
 * <p>Without a codec a small frame's copy takes a block that another frame has just left, of the
 * same size class: ours has fewer pages to fetch then than its peer, and that row says little.
 *
 * <p>{@code allocate} has no peer: its percentiles say what somebody waits who has to reclaim.
 *
 * <pre>
 * ./dmabuf4j bench --quick ReclaimBenchmark
 * </pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 2,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "-Xms512m",
      "-Xmx512m",
      "-XX:+AlwaysPreTouch"
    })
public class ReclaimBenchmark {
  // ---- evict ----

  /** Evicts frames. */
  @Benchmark
  @OperationsPerInvocation(SwappedFrames.COUNT)
  @Bar(
      row = "evict a decoded frame, pages returned, beside codec and madvise",
      peers = @Peer(method = "compressGivingBack"),
      atMost = 1.25,
      stretch = 1.053)
  @Bar(
      row = "evict a decoded frame, pages returned, beside the codec alone",
      of = "codec=lz4",
      peers = @Peer(method = "compress"),
      atMost = 1.25,
      stretch = 1.053)
  public long evict(SwappedFrames.Resident frames) {
    return frames.evict();
  }

  /** The codec and madvise. */
  @Benchmark
  @OperationsPerInvocation(SwappedFrames.COUNT)
  public long compressGivingBack(BareFrames.Resident frames) {
    return frames.compressAndGiveBack();
  }

  /** The codec alone. */
  @Benchmark
  @OperationsPerInvocation(SwappedFrames.COUNT)
  public long compress(BareFrames frames) {
    return frames.compress();
  }

  // ---- swap in ----

  /** Brings frames back. */
  @Benchmark
  @OperationsPerInvocation(SwappedFrames.COUNT)
  @Bar(
      row = "swap a decoded frame in, beside the codec into new pages",
      peers = @Peer(method = "decompressTaking"),
      atMost = 1.25,
      stretch = 1.053)
  @Bar(
      row = "swap a decoded frame in, new pages, beside the codec alone",
      of = "codec=lz4",
      peers = @Peer(method = "decompress"),
      atMost = 1.25,
      stretch = 1.053)
  public long swapIn(SwappedFrames.Evicted frames) {
    return frames.restore();
  }

  /** The codec, into new pages. */
  @Benchmark
  @OperationsPerInvocation(SwappedFrames.COUNT)
  public long decompressTaking(BareFrames.Evicted frames) {
    return frames.decompress();
  }

  /** The codec alone. */
  @Benchmark
  @OperationsPerInvocation(SwappedFrames.COUNT)
  public long decompress(BareFrames frames) {
    return frames.decompress();
  }

  // ---- purge ----

  /** Drops what isn't needed. */
  @Benchmark
  @Bar(
      row = "purge 300 MB, populated, resident set checked",
      peers = @Peer(method = "giveBack"),
      atMost = 1.25,
      stretch = 1.053)
  public long purge(PurgedMemory.Buffers buffers) {
    return buffers.purge();
  }

  /** One call. */
  @Benchmark
  public long giveBack(PurgedMemory.Mapping mapping) {
    return mapping.giveBack();
  }

  // ---- scan ----

  /** Asks all, in vain. */
  @Benchmark
  @Bar(
      row = "scan 100,000 buffers of which none can go",
      peers = @Peer(method = "tryLock"),
      atMost = 1.5,
      stretch = 1.0)
  @Bar(
      row = "scan 100,000 buffers of which none can go, beside try-locks by way of the buffers",
      peers = @Peer(method = "tryLockEach"),
      atMost = 1.5,
      stretch = 1.0)
  public long scan(BusyBuffers buffers) {
    return buffers.scan();
  }

  /** Tries all reservations, in vain: they lie side by side in memory, as nothing else is used. */
  @Benchmark
  public int tryLock(BusyBuffers buffers) {
    return buffers.tryAll();
  }

  /** Tries the reservation of each buffer, in vain. */
  @Benchmark
  public int tryLockEach(BusyBuffers buffers) {
    return buffers.tryEach();
  }

  // ---- direct reclaim ----

  /** Allocates where somebody else's frame has to be evicted for it. */
  @Benchmark
  @BenchmarkMode(Mode.SampleTime)
  public long allocate(PressedHeap heap) {
    return heap.allocate();
  }
}
