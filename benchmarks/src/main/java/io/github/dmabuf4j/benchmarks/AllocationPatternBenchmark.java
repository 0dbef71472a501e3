package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.benchmarks.command.FootprintProfiler;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Measure;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
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
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.infra.ThreadParams;
import org.openjdk.jmh.runner.IterationType;

/**
 * Allocation of mixed sizes beside a live set. In each operation a buffer of the set, drawn at
 * random, is given back, and one of another size allocated in its place: the same places and sizes
 * for every strategy. The sizes are those of a run of the demo, each as likely as it was there
 * ({@link TracedSizes}): 217 KB on average, so that 4,096 of them are 890 MB. With two threads each
 * has half of the set; both use one heap or allocator.
 *
 * <p>{@code committed} is what the strategy has from the operating system when an iteration ends,
 * as it says itself: live and idle, for Netty the capacity of its chunks. {@code resident} is how
 * much larger the process is than it was at first, when in the last warm-up each page of the live
 * buffers has been touched; the Java heap is all there from the beginning and doesn't count, but
 * some megabytes for compiled code do.
 *
 * <p>The Java heap has 1 GiB, as in the other allocation benchmarks: up to 512 MiB Netty's adaptive
 * allocator works in a mode for little memory, in which large buffers have chunks of their own that
 * are freed at once. That commits almost nothing that isn't live.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar AllocationPatternBenchmark -prof io.github.dmabuf4j.benchmarks.command.FootprintProfiler
 * </pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 2,
    jvmArgsAppend = {
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:MaxDirectMemorySize=8g",
      "-Xms1g",
      "-Xmx1g",
      "-XX:+AlwaysPreTouch"
    })
@SuppressWarnings("NullAway.Init") // by JMH
public class AllocationPatternBenchmark {
  /** Whose memory it is. */
  @Param({
    "dmabuf4j",
    "netty-adaptive",
    "netty-adaptive-unsafe",
    "netty-pooled",
    "netty-pooled-unsafe",
    "malloc"
  })
  public String strategy;

  /** How many are live, of all threads together. */
  @Param({"128", "4096"})
  public int live;

  private final TracedSizes traced = TracedSizes.ofDemo();
  private final List<Share> shares = new ArrayList<>(); // guarded by itself
  private Strategy memory;
  private long residentBefore;

  /** What a thread has of the live set, and what it does next. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class Share {
    private static final int STEPS = 1 << 16;

    private final int[] places = new int[STEPS];
    private final int[] sizes = new int[STEPS];
    private Object[] buffers;
    private int step;

    /** Allocates it. */
    @Setup
    public void fill(AllocationPatternBenchmark all, ThreadParams threads) {
      fill(all, threads.getThreadIndex(), threads.getThreadCount());
    }

    void fill(AllocationPatternBenchmark all, int thread, int threads) {
      SplittableRandom dice = new SplittableRandom(thread);
      buffers = new Object[all.live / threads];
      for (int i = 0; i < buffers.length; i++) {
        buffers[i] = all.memory.allocate(all.traced.next(dice));
      }
      for (int i = 0; i < STEPS; i++) {
        places[i] = dice.nextInt(buffers.length);
        sizes[i] = all.traced.next(dice);
      }
      all.enter(this);
    }

    /** Gives it back; the last thread closes the strategy. */
    @TearDown
    public void end(AllocationPatternBenchmark all) {
      for (Object buffer : buffers) {
        all.memory.free(buffer);
      }
      all.leave(this);
    }
  }

  /** Opens it. */
  @Setup
  public void begin() {
    memory = Strategy.named(strategy, traced.sizes());
    residentBefore = FootprintProfiler.residentBytes();
  }

  private void enter(Share share) {
    synchronized (shares) {
      shares.add(share);
    }
  }

  /** Fails if something is left. */
  private void leave(Share share) {
    synchronized (shares) {
      shares.remove(share);
      if (shares.isEmpty()) {
        memory.close();
      }
    }
  }

  /** Sees how much memory there is; the threads have stopped. */
  @TearDown(Level.Iteration)
  public void weigh(IterationParams iteration) {
    FootprintProfiler.note("committed", (double) memory.committedBytes());
    if (iteration.getType() == IterationType.WARMUP) {
      touch();
      long resident = FootprintProfiler.residentBytes();
      FootprintProfiler.note("resident", (double) (resident < 0 ? -1 : resident - residentBefore));
    }
  }

  void touch() {
    synchronized (shares) {
      for (Share share : shares) {
        for (Object buffer : share.buffers) {
          byte _ = memory.touch(buffer);
        }
      }
    }
  }

  private Object step(Share share) {
    int step = share.step++ & (Share.STEPS - 1);
    int place = share.places[step];
    memory.free(share.buffers[place]);
    Object fresh = memory.allocate(share.sizes[step]);
    share.buffers[place] = fresh;
    return fresh;
  }

  /** By one thread. */
  @Bar(
      row = "allocation pattern: mixed sizes, live set, 1 thread",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=netty-adaptive*"),
      atMost = 0.8,
      stretch = 0.5)
  @Bar(
      row = "allocation pattern: mixed sizes, live set, 1 thread: committed bytes",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=netty-adaptive*"),
      measure = Measure.COUNTER,
      counter = "committed",
      atMost = 1,
      stretch = 0.8)
  @Benchmark
  @Threads(1)
  public Object replace(Share share) {
    return step(share);
  }

  /** By two threads at once; each has half of the set. */
  @Bar(
      row = "allocation pattern: mixed sizes, live set, 2 threads",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=netty-adaptive*"),
      atMost = 0.8,
      stretch = 0.5)
  @Bar(
      row = "allocation pattern: mixed sizes, live set, 2 threads: committed bytes",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=netty-adaptive*"),
      measure = Measure.COUNTER,
      counter = "committed",
      atMost = 1,
      stretch = 0.8)
  @Benchmark
  @Threads(2)
  public Object replaceByTwo(Share share) {
    return step(share);
  }
}
