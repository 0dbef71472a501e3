package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.OutOfBuffersException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Several buffers at once. */
@Timeout(60)
final class BulkTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private static AllocationRequest request(long size, AllocPolicy policy) {
    return AllocationRequest.of(size).uninitialized().policy(policy).build();
  }

  /** A thread that allocates several, and what became of it. */
  private static final class Waiting {
    final AtomicReference<List<DmaBuf>> buffers = new AtomicReference<>();
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    final Thread thread;

    Waiting(Heap heap, AllocationRequest request, int count) {
      thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      buffers.set(heap.allocateBulk(request, count));
                    } catch (Throwable e) {
                      failure.set(e);
                    }
                  });
      Await.blocked(thread);
    }

    List<DmaBuf> get() throws InterruptedException {
      Await.joined(thread);
      assertThat(failure.get()).isNull();
      return buffers.get();
    }
  }

  private static void close(List<DmaBuf> buffers) {
    buffers.forEach(DmaBuf::close);
  }

  // ---- what can't be had ----

  @ParameterizedTest
  @EnumSource
  void allocateBulk_moreThanThereIs_givesWhatThereIs(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    for (AllocPolicy policy : AllocPolicy.values()) {
      if (policy != AllocPolicy.NO_FAIL) {
        List<DmaBuf> some = heap.allocateBulk(request(64 * KIB, policy), 10);
        assertThat(some).as("%s", policy).hasSize(10);
        List<DmaBuf> rest = heap.allocateBulk(request(64 * KIB, policy), 10);
        assertThat(rest).as("%s", policy).hasSize(6);
        assertThat(heap.allocateBulk(request(64 * KIB, policy), 10)).isEmpty();
        close(some);
        close(rest);
      }
    }
    assertThatThrownBy(() -> heap.allocateBulk(request(1, AllocPolicy.NORMAL), 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @EnumSource
  void allocateBulk_oneCanNeverFit_isRefusedAsAllocateIs(TestMemory memory) {
    Heap heap = heaps.open(memory, MIB);
    for (AllocPolicy policy : AllocPolicy.values()) {
      assertThatThrownBy(() -> heap.allocateBulk(request(MIB + 1, policy), 2))
          .isInstanceOf(OutOfBuffersException.class)
          .hasMessageContaining("can't ever fit its limit of 1048576 B (1 MiB)");
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocateBulk_allCanNeverFitAndThePolicyIsNoFail_isRefusedNamingTheSum(TestMemory memory) {
    Heap heap = heaps.open(memory, MIB);
    for (int count : new int[] {3, Integer.MAX_VALUE}) {
      assertThatThrownBy(() -> heap.allocateBulk(request(512 * KIB, AllocPolicy.NO_FAIL), count))
          .isInstanceOfSatisfying(
              OutOfBuffersException.class,
              e -> assertThat(e.requestedBytes()).isEqualTo(512 * KIB * count))
          .hasMessageContaining("can't ever fit");
    }
  }

  // ---- those that wait ----

  @ParameterizedTest
  @EnumSource
  void allocateBulk_twoWaitForMoreThanHalfEach_neitherHoldsAnythingMeanwhile(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    List<DmaBuf> all = heap.allocateBulk(request(64 * KIB, AllocPolicy.NORMAL), 16);
    Waiting first = new Waiting(heap, request(64 * KIB, AllocPolicy.NO_FAIL), 10);
    Waiting second = new Waiting(heap, request(128 * KIB, AllocPolicy.NO_FAIL), 5);
    for (DmaBuf buffer : all.subList(0, 9)) {
      buffer.close();
    }
    Await.blocked(first.thread);
    Await.blocked(second.thread);
    // Nine are idle, and somebody in a hurry gets them.
    assertThat(heap.statistics().liveBuffers()).isEqualTo(7);
    List<DmaBuf> hurried = heap.allocateBulk(request(64 * KIB, AllocPolicy.NORMAL), 9);
    assertThat(hurried).hasSize(9);
    close(hurried);
    close(all.subList(9, 16));
    close(first.get());
    close(second.get());
  }

  @ParameterizedTest
  @EnumSource
  void allocateBulk_manyThreadsWaitForMostOfTheMemory_allGetTheirTurn(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    CyclicBarrier together = new CyclicBarrier(4);
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      long size = t % 2 == 0 ? 64 * KIB : 32 * KIB;
      int count = (int) (3 * MIB / 4 / size);
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      together.await();
                      for (int i = 0; i < 300; i++) {
                        List<DmaBuf> buffers =
                            heap.allocateBulk(request(size, AllocPolicy.NO_FAIL), count);
                        assertThat(buffers).hasSize(count);
                        close(buffers);
                      }
                    } catch (Throwable e) {
                      failures.add(e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      Await.joined(thread);
    }
    assertThat(failures).isEmpty();
    assertThat(heap.statistics().peakCommittedBytes()).isLessThanOrEqualTo(MIB);
  }

  @ParameterizedTest
  @EnumSource
  void allocateBulk_waitsInLine_comesBeforeASmallRequestBehindIt(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    DmaBuf all = heap.allocate(64 * KIB);
    Waiting bulk = new Waiting(heap, request(4 * KIB, AllocPolicy.NO_FAIL), 16);
    Waiting small = new Waiting(heap, request(4 * KIB, AllocPolicy.NO_FAIL), 1);
    all.close();
    List<DmaBuf> buffers = bulk.get();
    assertThat(small.buffers).hasNullValue();
    close(buffers);
    close(small.get());
  }

  @ParameterizedTest
  @EnumSource
  void allocateBulk_interrupted_keepsNothing(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    try (DmaBuf half = heap.allocate(512 * KIB)) {
      Waiting waiting = new Waiting(heap, request(512 * KIB, AllocPolicy.NO_FAIL), 2);
      waiting.thread.interrupt();
      Await.joined(waiting.thread);
      assertThat(waiting.failure.get()).isInstanceOf(InterruptedException.class);
      assertThat(heap.statistics().liveBuffers()).as("but for %s", half).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocateBulk_drainBegins_illegalStateAndNothingKept(TestMemory memory)
      throws InterruptedException {
    PooledHeap heap = heaps.open(memory, MIB);
    DmaBuf half = heap.allocate(512 * KIB);
    Waiting waiting = new Waiting(heap, request(512 * KIB, AllocPolicy.NO_FAIL), 2);
    heap.pool.lifecycle.beginDraining();
    Await.joined(waiting.thread);
    assertThat(waiting.failure.get()).isInstanceOf(IllegalStateException.class);
    half.close();
    assertThat(heap.statistics().committedBytes()).isZero();
  }
}
