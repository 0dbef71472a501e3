package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Measure;
import io.github.dmabuf4j.netty.DmaByteBufAllocator;
import io.github.dmabuf4j.netty.DmaByteBufs;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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
 * Our ByteBufs beside Netty's own: getting one and releasing it, using it, and showing memory that
 * exists. All with Netty's leak detector as it is by default, which tracks one in 128.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar NettyInteropBenchmark -prof gc
 * </pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"})
public class NettyInteropBenchmark {
  /** An allocator, and a ByteBuf of it that stays. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class Allocator {
    /** Whose it is. */
    @Param({
      "dmabuf4j",
      "netty-pooled",
      "netty-pooled-unsafe",
      "netty-adaptive",
      "netty-adaptive-unsafe"
    })
    public String strategy;

    /** The capacity of a ByteBuf. */
    @Param({"4096", "65536"})
    public int bytes;

    private @Nullable Heap heap;
    private ByteBufAllocator allocator;
    private ByteBuf kept;

    /** Makes it. */
    @Setup
    public void open() {
      // Read by Netty when it is loaded, which the next statements do.
      System.setProperty("io.netty.noUnsafe", String.valueOf(!strategy.endsWith("-unsafe")));
      if (strategy.equals("dmabuf4j")) {
        heap = Heaps.open("offheap:system?limit=64MiB");
        allocator = DmaByteBufAllocator.of(heap);
      } else {
        allocator = NettyStrategy.allocator(strategy.replace("-unsafe", ""));
      }
      kept = allocator.directBuffer(bytes, bytes);
    }

    /** Fails if something is left. */
    @TearDown
    public void close() {
      boolean _ = kept.release();
      if (heap != null) {
        heap.close();
      }
    }
  }

  /** Gets a ByteBuf and releases it. */
  @Bar(
      row = "Java heap per allocate + release of a ByteBuf",
      of = "strategy=dmabuf4j",
      measure = Measure.JAVA_HEAP,
      atMost = 256)
  @Benchmark
  public boolean allocateRelease(Allocator of) {
    return of.allocator.directBuffer(of.bytes, of.bytes).release();
  }

  /** Fills a ByteBuf with numbers and adds them up. */
  @Benchmark
  public long writeRead(Allocator of) {
    ByteBuf kept = of.kept.clear();
    for (int i = 0; i < of.bytes; i += Long.BYTES) {
      kept.writeLong(i);
    }
    long sum = 0;
    for (int i = 0; i < of.bytes; i += Long.BYTES) {
      sum += kept.readLong();
    }
    return sum;
  }

  /** Memory that Netty wraps: it owns nothing of it. */
  @State(Scope.Thread)
  public static class Plain {
    private final ByteBuffer bytes = ByteBuffer.allocateDirect(Peers.SIZE);
  }

  /** A ByteBuf of Netty's over a ByteBuffer that exists. */
  @Benchmark
  public byte wrap(Plain plain) {
    ByteBuf wrapped = Unpooled.wrappedBuffer(plain.bytes);
    byte first = wrapped.getByte(0);
    boolean _ = wrapped.release();
    return first;
  }

  /** A view, of the kind POOL. */
  @Bar(row = "Java heap per ByteBuf view", measure = Measure.JAVA_HEAP, atMost = 256)
  @Benchmark
  public byte view(Peers.Idle idle) {
    return first(DmaByteBufs.view(idle.buffer));
  }

  /** A view whose kept ByteBuffers die with it. */
  @Benchmark
  public byte viewShared(Peers.Idle idle) {
    return first(DmaByteBufs.view(idle.buffer, ArenaKind.SHARED));
  }

  private static byte first(ByteBuf view) {
    byte first = view.getByte(0);
    boolean _ = view.release();
    return first;
  }
}
