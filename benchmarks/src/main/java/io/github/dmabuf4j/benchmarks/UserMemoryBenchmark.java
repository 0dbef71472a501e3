package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.UserMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
 * From which size on it is cheaper to back a caller's memory than to copy it (design rule UM3): a
 * buffer over it, or a pooled one with its bytes, made and closed again. Below a page only copying
 * is there; stealing, which has no such limit, says what a buffer without a copy costs there.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar UserMemoryBenchmark -prof gc
 * </pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class UserMemoryBenchmark {
  /** The caller's memory. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class Given {
    /** How much. */
    @Param({"256", "1024", "4096", "8192", "16384", "32768", "65536", "262144", "1048576"})
    public int bytes;

    private Heap heap;
    private MemorySegment whole;
    UserMemory user;
    MemorySegment memory;

    /** Opens the heap. */
    @Setup(Level.Trial)
    public void open() {
      heap = Heaps.open("offheap:system?limit=64MiB");
      user = heap.userMemory().orElseThrow();
      whole = Arena.ofAuto().allocate(Math.max(bytes, 4096), 4096).fill((byte) 1);
      memory = whole.asSlice(0, bytes);
    }

    /** What can be backed: whole pages. */
    MemorySegment pages() {
      return whole;
    }

    /** Closes it; fails if something is left. */
    @TearDown(Level.Trial)
    public void close() {
      heap.close();
    }
  }

  /** A pooled buffer with a copy. */
  @Benchmark
  public long copy(Given given) {
    try (DmaBuf buffer = given.user.steal(given.memory)) {
      return buffer.size();
    }
  }

  /** A buffer over the memory itself; below a page over the whole page. */
  @Benchmark
  public long back(Given given) {
    try (DmaBuf buffer = given.user.back(given.pages())) {
      return buffer.size();
    }
  }

  /** A buffer that would free the memory. */
  @Benchmark
  public long steal(Given given) {
    MemorySegment memory = given.memory;
    try (DmaBuf buffer = given.user.steal(memory.address(), memory.byteSize(), () -> {})) {
      return buffer.size();
    }
  }
}
