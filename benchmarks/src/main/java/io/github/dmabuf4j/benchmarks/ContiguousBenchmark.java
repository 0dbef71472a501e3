package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ContiguousRegion;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.benchmarks.command.FootprintProfiler;
import io.github.dmabuf4j.benchmarks.report.CompactedRegion;
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
 * A contiguous request and its close, against a region of 64 MiB that is 70 % full of movable
 * buffers with holes between them, and against an empty one, where nothing has to be moved. Nobody
 * uses the buffers. Before each request, not measured, others come for those that were moved out,
 * and holes elsewhere for the one that it left: the region is as full and as fragmented as before.
 * Content as it comes.
 *
 * <p>{@code moved.each} is how many bytes were copied for a request, on average.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar ContiguousBenchmark -prof io.github.dmabuf4j.benchmarks.command.FootprintProfiler
 * </pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 300)
@Measurement(iterations = 300)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@SuppressWarnings("NullAway.Init") // by JMH
public class ContiguousBenchmark {
  /** What the request does for its range. */
  @Param({"FAIL_FAST", "NORMAL", "TRY_HARD"})
  public AllocPolicy policy;

  /** How much of the region movable buffers have. */
  @Param({"0", "70"})
  public int percent;

  /** The size of the request. */
  @Param({"1048576", "4194304"})
  public long bytes;

  private AllocationRequest request;
  private FragmentedRegion scene;
  private long requests;

  /** Opens it. */
  @Setup
  public void open() throws InterruptedException {
    request = AllocationRequest.of(bytes).policy(policy).uninitialized().build();
    scene = new FragmentedRegion(percent);
  }

  ContiguousRegion region() {
    return scene.region();
  }

  /** Makes the region as it was. */
  @Setup(Level.Invocation)
  public void scatter() {
    if (requests > 0) {
      long moved = scene.region().statistics().movedBytes();
      FootprintProfiler.note("moved.each", (double) moved / requests);
    }
    requests++;
    scene.scatter();
  }

  /** Fails if something is left. */
  @TearDown
  public void close() {
    scene.close();
  }

  /**
   * What lies where in such a region, for the report.
   *
   * @return before and after it is compacted
   * @throws InterruptedException if the thread is interrupted
   */
  public static CompactedRegion picture() throws InterruptedException {
    return FragmentedRegion.compacted();
  }

  /** One request. */
  @Benchmark
  public long request() throws InterruptedException {
    try (DmaBuf buffer = scene.region().allocateContiguous(request)) {
      return buffer.size();
    }
  }
}
