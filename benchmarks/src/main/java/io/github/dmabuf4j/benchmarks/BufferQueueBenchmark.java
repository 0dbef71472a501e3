package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Measure;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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
 * What it costs to hand a buffer from one thread to another and back, beside two {@link
 * ArrayBlockingQueue}s, one for free buffers and one for those that are filled.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar BufferQueueBenchmark -prof gc
 * </pre>
 *
 * <p>One operation is a round of one buffer: the measured thread takes it free and hands it on, a
 * partner takes it and gives it back. With either strategy a buffer comes with a fence each way,
 * which is looked at and must have signaled, a wait has a deadline, and the partner checks that the
 * buffers come in order. A ratio counts only between strategies of one run: with two cores that are
 * in use, most of the time is that of the operating system, which wakes the threads.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class BufferQueueBenchmark {
  private static final long LIMIT_SECONDS = 30;
  private static final Duration LIMIT = Duration.ofSeconds(LIMIT_SECONDS);
  private static final int BUFFER_BYTES = 4096;

  /** The two sides of a queue. */
  interface Strategy {
    /** Takes a free buffer and hands it on. */
    void fill() throws InterruptedException;

    /**
     * Takes a filled buffer and gives it back.
     *
     * @return false if there is none any more
     */
    boolean use() throws InterruptedException;

    /** Says that no more will be filled. */
    void end() throws InterruptedException;

    /** Gives the buffers back. */
    void close();
  }

  /** What both strategies hand over and check. */
  private abstract static class Checked implements Strategy {
    final List<DmaBuf> buffers = new ArrayList<>();
    final Fence filled;
    final Fence used;
    private final Heap heap = Heaps.open("offheap:system?limit=16MiB");
    private final long[] numbers;
    private long nextFilled;
    private long nextUsed;

    Checked(int count) {
      numbers = new long[count];
      for (int i = 0; i < count; i++) {
        buffers.add(heap.allocate(BUFFER_BYTES));
      }
      try (FenceContext context = FenceContext.create("bench")) {
        filled = context.newFence();
        used = context.newFence();
        context.signal(filled);
        context.signal(used);
      }
    }

    final void number(int index, Fence fence) {
      check(fence);
      numbers[index] = nextFilled++;
    }

    final void checkNumber(int index, Fence fence) {
      check(fence);
      if (numbers[index] != nextUsed++) {
        throw new IllegalStateException("out of order: " + numbers[index]);
      }
    }

    private static void check(Fence fence) {
      if (!fence.isSignaled() || fence.status() != Fence.Status.SIGNALED) {
        throw new IllegalStateException("not done: " + fence);
      }
    }

    @Override
    public void close() {
      buffers.forEach(DmaBuf::close);
      heap.close();
    }
  }

  private static final class Ours extends Checked {
    private final BufferQueue queue;

    Ours(int count) {
      super(count);
      queue = BufferQueue.of("bench", buffers);
    }

    @Override
    public void fill() throws InterruptedException {
      BufferSlot slot = queue.dequeue(LIMIT);
      number(slot.index(), slot.fence());
      queue.queue(slot, filled);
    }

    @Override
    public boolean use() throws InterruptedException {
      Optional<BufferSlot> next = queue.acquire(LIMIT);
      if (next.isEmpty()) {
        return false;
      }
      BufferSlot slot = next.get();
      checkNumber(slot.index(), slot.fence());
      queue.release(slot, used);
      return true;
    }

    @Override
    public void end() {
      queue.end();
    }

    @Override
    public void close() {
      queue.close();
      super.close();
    }
  }

  /** Neither knows who has a buffer, nor refuses one that is given back twice. */
  private static final class TwoQueues extends Checked {
    /** A buffer and its fence. */
    private static final class Item {
      final int index;
      final @Nullable DmaBuf buffer;
      Fence fence = Fence.stub();

      Item(int index, @Nullable DmaBuf buffer) {
        this.index = index;
        this.buffer = buffer;
      }
    }

    private final ArrayBlockingQueue<Item> free;
    private final ArrayBlockingQueue<Item> full;

    TwoQueues(int count) {
      super(count);
      free = new ArrayBlockingQueue<>(count + 1);
      full = new ArrayBlockingQueue<>(count + 1);
      for (int i = 0; i < count; i++) {
        free.add(new Item(i, buffers.get(i)));
      }
    }

    @Override
    public void fill() throws InterruptedException {
      Item item = take(free);
      number(item.index, item.fence);
      item.fence = filled;
      full.put(item);
    }

    @Override
    public boolean use() throws InterruptedException {
      Item item = take(full);
      if (item.buffer == null) {
        return false;
      }
      checkNumber(item.index, item.fence);
      item.fence = used;
      free.put(item);
      return true;
    }

    private static Item take(ArrayBlockingQueue<Item> queue) throws InterruptedException {
      Item item = queue.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
      if (item == null) {
        throw new IllegalStateException("starved");
      }
      return item;
    }

    @Override
    public void end() throws InterruptedException {
      full.put(new Item(-1, null));
    }
  }

  private static Strategy strategy(String name, int count) {
    return switch (name) {
      case "dmabuf4j" -> new Ours(count);
      case "arrayBlockingQueue" -> new TwoQueues(count);
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** A producer, which is measured, and a consumer. */
  @State(Scope.Benchmark)
  public static class Pair {
    /** Whose queue. */
    @Param({"dmabuf4j", "arrayBlockingQueue"})
    public String strategy = "dmabuf4j";

    /** How many buffers go round. */
    @Param({"4", "16"})
    public int buffers = 4;

    private Strategy made = strategy(strategy, buffers);
    private Thread partner = Thread.currentThread();
    private volatile @Nullable Throwable failure;

    /** Starts the consumer. */
    @Setup(Level.Trial)
    public void begin() {
      made.close();
      made = strategy(strategy, buffers);
      partner = Thread.ofPlatform().daemon().name("consumer").start(this::useAll);
    }

    private void useAll() {
      try {
        while (made.use()) {
          // until the end
        }
      } catch (Throwable e) {
        failure = e;
      }
    }

    /** Ends the consumer. */
    @TearDown(Level.Trial)
    public void end() throws InterruptedException {
      made.end();
      partner.join();
      made.close();
      Throwable failed = failure;
      if (failed != null) {
        throw new IllegalStateException("the consumer failed", failed);
      }
    }
  }

  /** A buffer there and back. */
  @Benchmark
  @Bar(
      row = "a buffer to another thread and back, against two ArrayBlockingQueues",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=arrayBlockingQueue"),
      atMost = 1.5,
      stretch = 1)
  @Bar(
      row = "Java heap to hand a buffer over",
      of = "strategy=dmabuf4j",
      measure = Measure.JAVA_HEAP,
      atMost = 0.5)
  public void handOver(Pair pair) throws InterruptedException {
    pair.made.fill();
  }
}
