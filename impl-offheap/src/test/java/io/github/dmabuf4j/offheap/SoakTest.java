package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Two threads do everything that a heap can do with buffers of all sizes, while the operating
 * system refuses one call in ten: in the end nothing overlapped, nothing leaked, and everything
 * idle went back by itself. The property {@code dmabuf4j.stress.seconds} says how long; 600 is the
 * soak that a release is to pass.
 */
@Timeout(value = 2, unit = TimeUnit.HOURS)
final class SoakTest {
  private static final double SECONDS =
      Double.parseDouble(System.getProperty("dmabuf4j.stress.seconds", "2"));

  /** After so many the threads close all they have, so that the floor is looked at more often. */
  private static final double SECONDS_OF_A_ROUND = 10;

  private static final long LIMIT = 512 * MIB;
  private static final long REGION = 32 * MIB;
  private static final Duration DECAY = Duration.ofMillis(50);

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private final Logger slabs = Logger.getLogger(Unmapping.class.getName());

  @BeforeEach
  void silence() {
    slabs.setLevel(Level.OFF); // it warns of each slab that can't be unmapped
  }

  @AfterEach
  void speak() {
    slabs.setLevel(null);
  }

  @ParameterizedTest
  @EnumSource
  void everything_withFaults_returnsToTheFloor_withoutLeaksOrOverlaps(TestMemory kind)
      throws InterruptedException {
    RecordingMemory recorded = new RecordingMemory(kind.create());
    FaultyMemory memory = new FaultyMemory(recorded);
    PooledHeap heap =
        heaps.add(
            PooledHeap.open("offheap:soak", new HeapOptions(LIMIT, LIMIT, REGION, DECAY), memory));
    int rounds = (int) Math.max(1, Math.ceil(SECONDS / SECONDS_OF_A_ROUND));
    SoakWorker.Account done = new SoakWorker.Account();
    for (int round = 0; round < rounds; round++) {
      memory.faulty = true;
      soak(heap, round, (long) (SECONDS / rounds * 1e9), done);
      memory.faulty = false;
      assertThat(heap.statistics().liveBuffers()).as("leaks").isZero();
      assertThat(heap.statistics().pinnedBytes()).isZero();
      assertThat(heap.contiguousRegion().orElseThrow().statistics().freeBytes()).isEqualTo(REGION);
      Await.until(
          "all but the region went back", () -> heap.statistics().committedBytes() == REGION);
    }
    assertThat(heap.statistics().peakCommittedBytes()).isBetween(REGION + 1, LIMIT);
    assertThat(memory.refused).as("calls refused").hasPositiveValue();
    done.assertEverythingHappened();
    heap.close();
    Await.until("no address space is left", () -> recorded.live() == 0);
  }

  /** Runs two workers, which give to each other and interrupt each other, and ends with nothing. */
  private static void soak(PooledHeap heap, int round, long nanos, SoakWorker.Account done)
      throws InterruptedException {
    BlockingQueue<SoakWorker.Owned> between = new ArrayBlockingQueue<>(16);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    long end = System.nanoTime() + nanos;
    SoakWorker one = new SoakWorker(heap, 2L * round, end, between, failure, done);
    SoakWorker other = new SoakWorker(heap, 2L * round + 1, end, between, failure, done);
    Thread first = Thread.ofPlatform().name("soak-1").unstarted(one);
    Thread second = Thread.ofPlatform().name("soak-2").unstarted(other);
    one.other = second;
    other.other = first;
    first.start();
    second.start();
    first.join();
    second.join();
    one.closeAll();
    other.closeAll();
    for (SoakWorker.Owned left = between.poll(); left != null; left = between.poll()) {
      left.checkAndClose();
    }
    assertThat(failure.get()).isNull();
  }
}
