package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
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
 * What a fence costs beside the one-shot events of the JDK: made and signaled, with and without a
 * time stamp or a callback, and how long a thread that waits takes to wake up.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar FenceBenchmark -prof gc
 * java -jar benchmarks/target/benchmarks.jar 'FenceBenchmark.(signal|stamp|callback)' -t 2 -prof gc
 * </pre>
 *
 * <p>A ratio counts only between strategies of one run. Each thread has its own context; a wait has
 * a deadline with every strategy.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class FenceBenchmark {
  private static final long LIMIT_SECONDS = 30;
  private static final Duration LIMIT = Duration.ofSeconds(LIMIT_SECONDS);

  /** What a strategy can do. */
  interface Strategy {
    /** Makes an event and signals it. */
    Object signal();

    /** Makes an event and signals it with the time. */
    Object stamp();

    /** Makes an event, adds a callback and signals. */
    Object callback(Told told);

    /** Makes an event for threads to wait for. */
    Event event();
  }

  /** What one thread waits for and another one signals. */
  interface Event {
    void signal();

    void await() throws InterruptedException;
  }

  /** What a callback does. */
  static final class Told implements Fence.Callback, Runnable {
    long count;

    @Override
    public void signaled(Fence fence) {
      count++;
    }

    @Override
    public void run() {
      count++;
    }
  }

  private static final class Fences implements Strategy {
    private final FenceContext context = FenceContext.create("plain");
    private final FenceContext stamped = FenceContext.builder("stamped").timestamps().build();

    @Override
    public Object signal() {
      Fence fence = context.newFence();
      context.signal(fence);
      return fence;
    }

    @Override
    public Object stamp() {
      Fence fence = stamped.newFence();
      stamped.signal(fence);
      return fence;
    }

    @Override
    public Object callback(Told told) {
      Fence fence = context.newFence();
      boolean added = fence.addCallback(told);
      context.signal(fence);
      return added ? fence : told;
    }

    @Override
    public Event event() {
      Fence fence = context.newFence();
      return new Event() {
        @Override
        public void signal() {
          context.signal(fence);
        }

        @Override
        public void await() throws InterruptedException {
          if (!fence.await(LIMIT)) {
            throw new IllegalStateException("lost " + fence);
          }
        }
      };
    }
  }

  private static class Futures implements Strategy {
    <T> CompletableFuture<T> make() {
      return new CompletableFuture<>();
    }

    /** So that it escapes, as a fence does. */
    private static Object made(Object future) {
      return future;
    }

    @Override
    public Object signal() {
      CompletableFuture<Void> future = make();
      future.complete(null);
      return made(future);
    }

    @Override
    public Object stamp() {
      CompletableFuture<Long> future = make();
      future.complete(System.nanoTime());
      return made(future);
    }

    @Override
    public Object callback(Told told) {
      CompletableFuture<Void> future = make();
      Object added = future.thenRun(told);
      future.complete(null);
      return added;
    }

    @Override
    public Event event() {
      CompletableFuture<Void> future = make();
      return new Event() {
        @Override
        public void signal() {
          future.complete(null);
        }

        @Override
        public void await() throws InterruptedException {
          try {
            future.get(LIMIT_SECONDS, TimeUnit.SECONDS);
          } catch (ExecutionException | TimeoutException e) {
            throw new IllegalStateException("lost", e);
          }
        }
      };
    }
  }

  /**
   * The least that order costs: a future with the next number of a counter that any thread may take
   * from. Unlike a fence it isn't checked for its turn, and a lost counter is not noticed.
   */
  private static final class NumberedFutures extends Futures {
    private final AtomicLong next = new AtomicLong();

    private static final class Numbered<T> extends CompletableFuture<T> {
      final long number;

      Numbered(long number) {
        this.number = number;
      }

      @Override
      public String toString() {
        return "#" + number + " " + super.toString();
      }
    }

    @Override
    <T> CompletableFuture<T> make() {
      return new Numbered<>(next.incrementAndGet());
    }
  }

  /** Can't keep a time, and has no callbacks: somebody who counts down runs them. */
  private static final class Latches implements Strategy {
    private long time;

    @Override
    public Object signal() {
      CountDownLatch latch = new CountDownLatch(1);
      latch.countDown();
      return latch;
    }

    @Override
    public Object stamp() {
      CountDownLatch latch = new CountDownLatch(1);
      time = System.nanoTime();
      latch.countDown();
      return time == 0 ? this : latch;
    }

    @Override
    public Object callback(Told told) {
      CountDownLatch latch = new CountDownLatch(1);
      latch.countDown();
      told.run();
      return latch;
    }

    @Override
    public Event event() {
      CountDownLatch latch = new CountDownLatch(1);
      return new Event() {
        @Override
        public void signal() {
          latch.countDown();
        }

        @Override
        public void await() throws InterruptedException {
          if (!latch.await(LIMIT_SECONDS, TimeUnit.SECONDS)) {
            throw new IllegalStateException("lost");
          }
        }
      };
    }
  }

  private static Strategy strategy(String name) {
    return switch (name) {
      case "dmabuf4j" -> new Fences();
      case "completableFuture" -> new Futures();
      case "numberedFuture" -> new NumberedFutures();
      case "countDownLatch" -> new Latches();
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** One thread's events. */
  @State(Scope.Thread)
  public static class Own {
    /** Whose events. */
    @Param({"dmabuf4j", "completableFuture", "numberedFuture", "countDownLatch"})
    public String strategy = "dmabuf4j";

    Strategy made = new Fences();
    final Told told = new Told();

    /** Makes the strategy. */
    @Setup
    public void begin() {
      made = strategy(strategy);
    }
  }

  /** Two threads that take turns: each waits for an event that the other one signals. */
  @State(Scope.Benchmark)
  public static class Partners {
    /** Whose events. */
    @Param({"dmabuf4j", "completableFuture", "countDownLatch"})
    public String strategy = "dmabuf4j";

    private Supplier<Event> events = new Fences()::event;
    private volatile Event request = events.get();
    private volatile Event reply = events.get();
    private volatile boolean over;
    private Thread answering = Thread.currentThread();

    /** Starts the partner. */
    @Setup(Level.Trial)
    public void begin() {
      events = strategy(strategy)::event;
      Event first = events.get();
      request = first;
      answering = Thread.ofPlatform().daemon().name("partner").start(() -> answer(first));
    }

    private void answer(Event first) {
      Event awaited = first;
      try {
        while (true) {
          awaited.await();
          if (over) {
            return;
          }
          Event answer = reply;
          awaited = events.get();
          request = awaited;
          answer.signal();
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    void roundTrip() throws InterruptedException {
      Event answer = events.get();
      reply = answer;
      request.signal();
      answer.await();
    }

    /** Stops the partner. */
    @TearDown(Level.Trial)
    public void end() throws InterruptedException {
      over = true;
      request.signal();
      answering.join();
    }
  }

  /** Make and signal: nobody is told. */
  @Benchmark
  @Bar(
      row = "fence create + signal (no timestamp)",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=completableFuture"),
      atMost = 1,
      stretch = 0.5)
  public Object signal(Own own) {
    return own.made.signal();
  }

  /** Make and signal, and keep the time. */
  @Benchmark
  public Object stamp(Own own) {
    return own.made.stamp();
  }

  /** Make, add a callback and signal. */
  @Benchmark
  public Object callback(Own own) {
    return own.made.callback(own.told);
  }

  /** Two wake-ups: there and back. */
  @Benchmark
  public void wakeUp(Partners partners) throws InterruptedException {
    partners.roundTrip();
  }
}
