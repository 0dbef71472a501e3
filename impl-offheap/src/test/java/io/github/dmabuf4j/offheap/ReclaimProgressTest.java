package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** That reclaim begins when it should, and finds what helps. */
@Timeout(120)
final class ReclaimProgressTest {
  private static final long SIZE = EvictedHeap.SIZE;
  private static final long LIMIT = 4 * TestMemory.MIB;

  @RegisterExtension final HeapGuard guard = new HeapGuard();

  private final List<EvictedHeap> heaps = new ArrayList<>();

  @AfterEach
  void closeBuffers() {
    heaps.forEach(EvictedHeap::close);
    for (EvictedHeap closed : heaps) { // the background may have the last reference
      Await.until("all are released", () -> closed.heap.statistics().liveBuffers() == 0);
    }
  }

  private EvictedHeap add(EvictedHeap heap) {
    heaps.add(heap);
    return heap;
  }

  /** What lies in the region is of no use for what doesn't go there. */
  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void normal_getsByOlderBuffersOfTheRegion(TestMemory memory) {
    EvictedHeap evicted = add(new EvictedHeap(guard.openContiguous(memory, LIMIT, LIMIT / 2)));
    int plain = (int) (evicted.heap.pool.freeBytes() / SIZE);
    evicted.allocate(plain);
    evicted.allocateMovable((int) (LIMIT / 2 / SIZE));
    evicted.check(plain);
    assertThat(evicted.evictions()).isZero();
    evicted.allocate(1);
    evicted.check();
  }

  /** Where nothing is reclaimed by the thread itself, somebody has to be woken. */
  @ParameterizedTest
  @EnumSource(
      value = AllocPolicy.class,
      names = {"NOWAIT", "FAIL_FAST", "NORMAL"})
  void sh8_belowTheLowWatermark_memoryIsReclaimedInTheBackground(AllocPolicy policy) {
    EvictedHeap evicted = add(new EvictedHeap(guard.open(TestMemory.ARENA, LIMIT)));
    evicted.heap.pool.background =
        new BackgroundReclaim(evicted.heap.pool, new Watermarks(16 * SIZE, 32 * SIZE));
    int room = (int) (evicted.heap.pool.freeBytes() / SIZE);
    for (int i = 0; i < room - 15; i++) {
      evicted.allocate(AllocationRequest.of(SIZE).policy(policy));
    }
    Await.until("the high watermark is reached", () -> evicted.heap.pool.freeBytes() >= 32 * SIZE);
    evicted.check();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void sh8_allocateAsync_wakesTheBackground(TestMemory memory) throws Exception {
    EvictedHeap evicted = add(new EvictedHeap(guard.open(memory, LIMIT)));
    int room = (int) (evicted.heap.pool.freeBytes() / SIZE);
    evicted.allocate(room - 2);
    evicted.heap.pool.background =
        new BackgroundReclaim(evicted.heap.pool, new Watermarks(2 * SIZE, 4 * SIZE));
    try (DmaBuf _ = evicted.heap.allocateAsync(AllocationRequest.of(SIZE).build()).get()) {
      Await.until("something is evicted", () -> evicted.evictions() > 0);
    }
  }

  /** Each brings back what another has just evicted; there is room for what they hold. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void buffersForWhichThereIsJustRoom_areUsedByAllAtOnce(boolean virtual) throws Exception {
    EvictedHeap evicted = add(new EvictedHeap(guard.open(TestMemory.MAPPED, 3 * SIZE)));
    evicted.allocate(6);
    List<Thread> users = new ArrayList<>();
    Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    Thread.Builder kind = virtual ? Thread.ofVirtual() : Thread.ofPlatform();
    for (int i = 0; i < 2; i++) {
      Random random = new Random(i);
      users.add(kind.start(() -> useMany(evicted, random, failures)));
    }
    for (Thread user : users) {
      while (user.isAlive()) {
        user.interrupt(); // which must not make anything fail
        user.join(Duration.ofMillis(1));
      }
    }
    assertThat(failures).isEmpty();
    evicted.check();
    assertThat(evicted.heap.statistics().peakCommittedBytes()).isLessThanOrEqualTo(3 * SIZE);
  }

  private static void useMany(EvictedHeap evicted, Random random, Queue<Throwable> failures) {
    try {
      for (int i = 0; i < 2000; i++) {
        int number = random.nextInt(evicted.buffers.size());
        evicted.checkOne(number);
      }
    } catch (RuntimeException | AssertionError e) {
      failures.add(e);
    }
  }
}
