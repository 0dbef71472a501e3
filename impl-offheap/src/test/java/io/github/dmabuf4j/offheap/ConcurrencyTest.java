package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Many threads on one heap. The property {@code dmabuf4j.stress.seconds} says how long each test
 * runs.
 */
@Timeout(3600)
final class ConcurrencyTest {
  private static final long NANOS =
      TimeUnit.MILLISECONDS.toNanos(
          (long) (1000 * Double.parseDouble(System.getProperty("dmabuf4j.stress.seconds", "2"))));

  private static final List<AllocPolicy> POLICIES = List.of(AllocPolicy.values());
  private static final List<AllocPolicy> IMPATIENT =
      List.of(AllocPolicy.NOWAIT, AllocPolicy.FAIL_FAST, AllocPolicy.NORMAL);

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  private interface Body {
    void run(Random random) throws Exception;
  }

  /** Runs a body over and over in threads of both kinds until the time is up or one fails. */
  private void repeatInThreads(int count, Body body) throws InterruptedException {
    long start = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < count; t++) {
      Random random = new Random(t);
      Runnable loop =
          () -> {
            try {
              while (System.nanoTime() - start < NANOS && failure.get() == null) {
                body.run(random);
              }
            } catch (Throwable e) {
              failure.compareAndSet(null, e);
            }
          };
      threads.add(t % 2 == 0 ? Thread.ofPlatform().start(loop) : Thread.ofVirtual().start(loop));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
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

  private static long size(Random random) {
    return switch (random.nextInt(10)) {
      case 0 -> 16 + random.nextLong(2 * MIB);
      case 1, 2 -> 16 + random.nextLong(200 * KIB);
      default -> 16 + random.nextLong(3 * SizeClasses.PAGE);
    };
  }

  @ParameterizedTest
  @EnumSource
  void everything_atOnce_noBufferSeesAnother(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 16 * MIB, Duration.ofMillis(5));
    BlockingQueue<DmaBuf> handedOver = new ArrayBlockingQueue<>(64);
    AtomicLong stamps = new AtomicLong();
    repeatInThreads(
        8,
        random -> {
          AllocPolicy policy = POLICIES.get(random.nextInt(POLICIES.size()));
          AllocationRequest.Builder request = AllocationRequest.of(size(random)).policy(policy);
          if (random.nextBoolean()) {
            request.uninitialized();
          }
          try {
            DmaBuf buffer = heap.allocate(request.build());
            long value = stamps.incrementAndGet();
            stamp(buffer, value);
            DmaBuf other = buffer.dup();
            if (!handedOver.offer(other)) { // closed by another thread, or here
              other.close();
            }
            check(buffer, value);
            buffer.close();
          } catch (OutOfBuffersException e) {
            assertThat(policy).isNotEqualTo(AllocPolicy.NO_FAIL);
          }
          if (random.nextInt(3) > 0) {
            DmaBuf from = handedOver.poll();
            if (from != null) {
              from.close();
            }
          }
          if (random.nextInt(500) == 0) {
            heap.trim();
          }
          if (random.nextInt(100) == 0) {
            assertThat(heap.info().buffers()).hasSizeLessThanOrEqualTo(100);
          }
          // Those with NO_FAIL wait for what lies in the queue.
          if (handedOver.size() > 32) {
            DmaBuf from = handedOver.poll();
            if (from != null) {
              from.close();
            }
          }
        });
    handedOver.forEach(DmaBuf::close);
    assertThat(heap.statistics().liveBuffers()).isZero();
    assertThat(heap.statistics().peakCommittedBytes()).isLessThanOrEqualTo(16 * MIB);
  }

  @ParameterizedTest
  @EnumSource
  void limit_eightThreads_isExact(TestMemory memory) throws InterruptedException {
    long limit = 2 * MIB;
    Heap heap = heaps.open(memory, limit);
    AtomicLong held = new AtomicLong();
    AtomicLong most = new AtomicLong();
    AtomicBoolean stop = new AtomicBoolean();
    Thread observer =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!stop.get()) {
                    HeapStatistics now = heap.statistics();
                    if (now.committedBytes() > limit || now.liveBytes() > limit) {
                      failure.compareAndSet(null, new AssertionError(now.toString()));
                    }
                  }
                });
    repeatInThreads(
        8,
        random -> {
          long pages = 1 + random.nextInt(8) * (1L + random.nextInt(8));
          long bytes = SizeClasses.bytes(SizeClasses.classOf(pages));
          AllocPolicy policy = IMPATIENT.get(random.nextInt(IMPATIENT.size()));
          try (DmaBuf buffer =
              heap.allocate(AllocationRequest.of(bytes).policy(policy).uninitialized().build())) {
            long now = held.addAndGet(bytes);
            most.accumulateAndGet(now, Math::max);
            assertThat(now).isLessThanOrEqualTo(limit);
            assertThat(buffer.size()).isEqualTo(bytes);
            held.addAndGet(-bytes);
          } catch (OutOfBuffersException e) {
            assertThat(e.committedBytes()).isLessThanOrEqualTo(limit);
          }
        });
    stop.set(true);
    observer.join();
    assertThat(failure.get()).isNull();
    assertThat(heap.statistics().peakCommittedBytes()).isBetween(most.get(), limit);
  }

  @ParameterizedTest
  @EnumSource
  void staleHandles_recycledBlock_neverTouchIt(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    AtomicReference<DmaBuf> shared = new AtomicReference<>(heap.allocate(4096));
    AtomicLong refused = new AtomicLong();
    AtomicLong rounds = new AtomicLong();
    repeatInThreads(
        8,
        random -> {
          DmaBuf seen = shared.get();
          switch (random.nextInt(4)) {
            case 0 -> { // the owner changes: the last close recycles the block for the next
              DmaBuf next =
                  heap.allocateUninterruptibly(
                      AllocationRequest.of(4096)
                          .uninitialized()
                          .policy(AllocPolicy.NO_FAIL)
                          .build());
              stamp(next, rounds.incrementAndGet());
              DmaBuf last = shared.getAndSet(next);
              last.close();
              last.close();
            }
            case 1 -> seen.close(); // by somebody who shouldn't: the handle is dead, and only it
            default -> {
              try (DmaBuf dup = seen.dup();
                  Hold hold = dup.hold()) {
                long before = hold.segment().get(ValueLayout.JAVA_LONG, 0);
                Thread.onSpinWait();
                assertThat(hold.segment().get(ValueLayout.JAVA_LONG, 0))
                    .as("nobody else has it")
                    .isEqualTo(before);
              } catch (IllegalStateException e) {
                assertThat(e).hasMessageContaining("closed");
                refused.incrementAndGet();
              }
            }
          }
        });
    shared.get().close();
    assertThat(refused).hasPositiveValue();
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void producerAndConsumer_blocksCirculate(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    BlockingQueue<DmaBuf> queue = new ArrayBlockingQueue<>(8);
    AllocationRequest request =
        AllocationRequest.of(64 * KIB).uninitialized().policy(AllocPolicy.NO_FAIL).build();
    AtomicBoolean done = new AtomicBoolean();
    Thread consumer =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    while (!done.get() || !queue.isEmpty()) {
                      DmaBuf buffer = queue.poll(1, TimeUnit.MILLISECONDS);
                      if (buffer != null) {
                        buffer.close();
                      }
                    }
                  } catch (InterruptedException e) {
                    failure.compareAndSet(null, e);
                  }
                });
    repeatInThreads(1, random -> queue.put(heap.allocate(request)));
    done.set(true);
    consumer.join();
    HeapStatistics now = heap.statistics();
    assertThat(now.committedBytes())
        .as("no more blocks than were in use at once")
        .isLessThanOrEqualTo(12 * 64 * KIB);
    assertThat(now.poolHits()).isGreaterThan(now.allocations() - 20);
  }
}
