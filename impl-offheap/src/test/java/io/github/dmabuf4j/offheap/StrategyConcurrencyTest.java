package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.offheap.strategy.BuiltIn;
import io.github.dmabuf4j.spi.PoolingStrategyProvider;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Many threads on one heap with a strategy, while it is drained at the end. A tenth of the property
 * {@code dmabuf4j.stress.seconds} is how long each runs.
 */
@Timeout(3600)
final class StrategyConcurrencyTest {
  private static final long NANOS =
      TimeUnit.MILLISECONDS.toNanos(
          (long) (100 * Double.parseDouble(System.getProperty("dmabuf4j.stress.seconds", "2"))));

  private static final int THREADS = 6;
  private static final List<AllocPolicy> POLICIES = List.of(AllocPolicy.values());

  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final BlockingQueue<DmaBuf> handedOver = new ArrayBlockingQueue<>(4);
  private final AtomicLong stamps = new AtomicLong();

  /** All that any thread may free. */
  static Stream<String> names() {
    return BuiltIn.providers().stream()
        .map(PoolingStrategyProvider::name)
        .filter(name -> !name.equals("arena-confined"));
  }

  @ParameterizedTest
  @MethodSource("names")
  void everything_atOnce_noBufferSeesAnother_andTheLastReleaseEndsTheHeap(String strategy)
      throws InterruptedException {
    PooledHeap heap = TestStrategies.open(strategy, 4 * MIB);
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < THREADS; t++) {
      Random random = new Random(t);
      Runnable loop = () -> allocateUntilTheEnd(heap, random);
      threads.add(t % 2 == 0 ? Thread.ofPlatform().start(loop) : Thread.ofVirtual().start(loop));
    }
    for (Thread thread : threads) {
      boolean _ = thread.join(Duration.ofNanos(NANOS / THREADS)); // they go on till then
    }
    boolean _ = heap.drain(Duration.ZERO);
    for (Thread thread : threads) {
      Await.joined(thread);
    }
    assertThat(failure.get()).isNull();
    handedOver.forEach(DmaBuf::close);
    assertThat(heap.drain(Duration.ofSeconds(20))).isTrue();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(heap.statistics().liveBuffers()).isZero();
    assertThat(heap.toString()).endsWith("strategy " + strategy + ", closed");
  }

  private void allocateUntilTheEnd(PooledHeap heap, Random random) {
    try {
      while (failure.get() == null) {
        allocateOne(heap, random);
      }
    } catch (IllegalStateException closed) {
      if (!heap.pool.lifecycle.hasEnded()) {
        failure.compareAndSet(null, closed);
      }
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }

  private void allocateOne(PooledHeap heap, Random random) throws InterruptedException {
    AllocPolicy policy = POLICIES.get(random.nextInt(POLICIES.size()));
    long size = 16 + random.nextLong(random.nextInt(8) == 0 ? MIB : 3 * SizeClasses.PAGE);
    AllocationRequest.Builder request = AllocationRequest.of(size).policy(policy);
    if (random.nextBoolean()) {
      request.uninitialized();
    }
    try (DmaBuf buffer = heap.allocate(request.build())) {
      long value = stamps.incrementAndGet();
      stamp(buffer, value);
      DmaBuf other = buffer.dup();
      if (!handedOver.offer(other)) {
        other.close();
      }
      check(buffer, value);
    } catch (OutOfBuffersException e) {
      assertThat(policy).isNotEqualTo(AllocPolicy.NO_FAIL);
    }
    DmaBuf from = random.nextInt(4) > 0 ? handedOver.poll() : null;
    if (from != null) {
      from.close();
    }
    if (random.nextInt(200) == 0) {
      heap.trim();
    }
  }

  private static void stamp(DmaBuf buffer, long value) {
    try (Hold hold = buffer.hold()) {
      MemorySegment bytes = hold.segment();
      for (long at = 0; at + 8 <= bytes.byteSize(); at += SizeClasses.PAGE) {
        bytes.set(ValueLayout.JAVA_LONG, at, value);
      }
      bytes.set(ValueLayout.JAVA_LONG_UNALIGNED, bytes.byteSize() - 8, value);
    }
  }

  private static void check(DmaBuf buffer, long value) {
    try (Hold hold = buffer.hold()) {
      MemorySegment bytes = hold.segment();
      for (long at = 0; at + 16 <= bytes.byteSize(); at += SizeClasses.PAGE) {
        assertThat(bytes.get(ValueLayout.JAVA_LONG, at)).isEqualTo(value);
      }
      assertThat(bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, bytes.byteSize() - 8)).isEqualTo(value);
    }
  }
}
