package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
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

/**
 * 4,800 buffers of 64 KiB, that is 300 MiB, in one call and in as many, from a heap that has them
 * idle and from one that gave everything back to the operating system. Content as it comes. Closing
 * them isn't measured, but done before each try.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar BulkBenchmark
 * </pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 200)
@Measurement(iterations = 200)
@Fork(
    value = 2,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "-Xms512m",
      "-Xmx512m",
      "-XX:+AlwaysPreTouch"
    })
@SuppressWarnings("NullAway.Init") // by JMH
public class BulkBenchmark {
  private static final int COUNT = 4800;
  private static final int BYTES = 65_536;

  /** Whether the heap has the blocks at hand. */
  @Param({"true", "false"})
  public boolean idle;

  private final AllocationRequest request = AllocationRequest.of(BYTES).uninitialized().build();
  private Heap heap;
  private List<DmaBuf> buffers = List.of();

  /** Opens the heap. */
  @Setup
  public void open() {
    heap = Heaps.open("offheap:system?limit=512MiB&decay=1h");
  }

  /** Gives back what the last try got. */
  @Setup(Level.Invocation)
  public void release() {
    buffers.forEach(DmaBuf::close);
    buffers = List.of();
    if (!idle) {
      long _ = heap.trim();
    }
  }

  /** Fails if something is left. */
  @TearDown
  public void close() {
    release();
    heap.close();
  }

  /** One call. */
  @Bar(
      row = "bulk of 4,800 x 64 KiB",
      peers = @Peer(method = "single"),
      atMost = 0.2,
      stretch = 0.05)
  @Benchmark
  public List<DmaBuf> bulk() throws InterruptedException {
    buffers = heap.allocateBulk(request, COUNT);
    return buffers;
  }

  /** One call each. */
  @Benchmark
  public List<DmaBuf> single() throws InterruptedException {
    List<DmaBuf> all = new ArrayList<>(COUNT);
    for (int i = 0; i < COUNT; i++) {
      all.add(heap.allocate(request));
    }
    buffers = all;
    return all;
  }
}
