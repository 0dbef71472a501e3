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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Policies that wait for others, and futures. */
@Timeout(120)
final class WaitingTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private static AllocationRequest patient(long size) {
    return AllocationRequest.of(size).uninitialized().policy(AllocPolicy.NO_FAIL).build();
  }

  /** A thread that waits for a buffer, and what became of it. */
  private static final class Waiting {
    final AtomicReference<DmaBuf> buffer = new AtomicReference<>();
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    final Thread thread;

    Waiting(Heap heap, AllocationRequest request, boolean interruptibly, boolean virtual) {
      Runnable allocate =
          () -> {
            try {
              buffer.set(
                  interruptibly ? heap.allocate(request) : heap.allocateUninterruptibly(request));
            } catch (Throwable e) {
              failure.set(e);
            }
          };
      thread = (virtual ? Thread.ofVirtual() : Thread.ofPlatform()).unstarted(allocate);
      thread.start();
    }

    static Waiting blocked(Heap heap, AllocationRequest request) {
      Waiting waiting = new Waiting(heap, request, true, false);
      Await.blocked(waiting.thread);
      return waiting;
    }

    DmaBuf get() throws InterruptedException {
      Await.joined(thread);
      assertThat(failure.get()).isNull();
      return buffer.get();
    }
  }

  // ---- NO_FAIL ----

  @ParameterizedTest
  @EnumSource
  void noFail_limitReached_getsTheBlockThatIsReleased(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    DmaBuf all = heap.allocate(64 * KIB);
    for (boolean virtual : new boolean[] {false, true}) {
      Waiting same = new Waiting(heap, patient(64 * KIB), true, virtual);
      Await.blocked(same.thread);
      all.close();
      all = same.get();
    }
    Waiting other = Waiting.blocked(heap, patient(1));
    all.close();
    other.get().close();
  }

  @ParameterizedTest
  @EnumSource
  void noFail_unpooledBlockReleased_wakesUp(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 66 * MIB);
    DmaBuf all = heap.allocate(AllocationRequest.of(66 * MIB).uninitialized().build().size());
    Waiting waiting = Waiting.blocked(heap, patient(MIB));
    all.close();
    waiting.get().close();
  }

  @ParameterizedTest
  @EnumSource
  void noFail_interrupted_endsAndLeavesTheQueue(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    DmaBuf all = heap.allocate(64 * KIB);
    Waiting first = Waiting.blocked(heap, patient(4096));
    Waiting second = Waiting.blocked(heap, patient(4096));
    first.thread.interrupt();
    Await.joined(first.thread);
    assertThat(first.failure.get())
        .isInstanceOf(InterruptedException.class)
        .hasMessageContaining("offheap:test");
    all.close();
    second.get().close();
  }

  @ParameterizedTest
  @EnumSource
  void noFail_uninterruptibly_keepsTheInterruptForLater(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    DmaBuf all = heap.allocate(64 * KIB);
    AtomicReference<Boolean> interrupted = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  heap.allocateUninterruptibly(patient(4096)).close();
                  interrupted.set(Thread.currentThread().isInterrupted());
                });
    Await.blocked(thread);
    thread.interrupt();
    Await.blocked(thread);
    all.close();
    Await.joined(thread);
    assertThat(interrupted).hasValue(true);
  }

  @ParameterizedTest
  @EnumSource
  void noFail_largeRequest_isNotStarvedBySmallOnes(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    Waiting[] large = new Waiting[1];
    Thread[] small = new Thread[4];
    CompletableFuture<Void> stop = new CompletableFuture<>();
    for (int i = 0; i < small.length; i++) {
      small[i] =
          Thread.ofPlatform()
              .start(
                  () -> {
                    while (!stop.isDone()) {
                      heap.allocateUninterruptibly(patient(200 * KIB)).close();
                    }
                  });
    }
    for (int i = 0; i < 20; i++) {
      large[0] = new Waiting(heap, patient(MIB), true, false);
      large[0].get().close();
    }
    stop.complete(null);
    for (Thread thread : small) {
      Await.joined(thread);
    }
  }

  @ParameterizedTest
  @EnumSource
  void noFail_firstInLineNeedsMemoryOfTheSecond_secondOvertakes(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    DmaBuf held = heap.allocate(512 * KIB);
    Waiting large = Waiting.blocked(heap, patient(MIB));
    // Its owner needs a second buffer before it can let go of the first: strict order would
    // deadlock.
    DmaBuf second = heap.allocateUninterruptibly(patient(256 * KIB));
    second.close();
    held.close();
    large.get().close();
  }

  @ParameterizedTest
  @EnumSource
  void noFail_manyThreadsAndFewBuffers_allGetTheirTurn(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, 256 * KIB);
    Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 64; t++) {
      long size = 4096L * (1 + t % 40);
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      for (int i = 0; i < 200; i++) {
                        heap.allocateUninterruptibly(patient(size)).close();
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
    assertThat(heap.statistics().peakCommittedBytes()).isLessThanOrEqualTo(256 * KIB);
  }

  @ParameterizedTest
  @EnumSource
  void noFail_locksOfThePoolAreBusy_noWakeUpIsLost(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    CompletableFuture<Void> stop = new CompletableFuture<>();
    List<Thread> busy = new ArrayList<>();
    for (int t = 0; t < 3; t++) {
      boolean trims = t == 0;
      busy.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    while (!stop.isDone()) {
                      long ignored = trims ? heap.trim() : heap.info().totalBytes();
                      assertThat(ignored).isNotNegative();
                    }
                  }));
    }
    List<Thread> waiting = new ArrayList<>();
    for (int t = 0; t < 3; t++) {
      waiting.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int i = 0; i < 2000; i++) {
                      heap.allocateUninterruptibly(patient(64 * KIB)).close();
                    }
                  }));
    }
    for (Thread thread : waiting) {
      Await.joined(thread);
    }
    stop.complete(null);
    for (Thread thread : busy) {
      Await.joined(thread);
    }
  }

  @ParameterizedTest
  @EnumSource
  void noFail_drainBegins_illegalState(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    DmaBuf all = heap.allocate(64 * KIB);
    Waiting waiting = Waiting.blocked(heap, patient(4096));
    assertThat(heap.drain(Duration.ZERO)).isFalse();
    Await.joined(waiting.thread);
    assertThat(waiting.failure.get())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    all.close();
  }

  @ParameterizedTest
  @EnumSource
  void noFail_closeIsRefused_goesOnWaiting(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    DmaBuf all = heap.allocate(64 * KIB);
    Waiting waiting = Waiting.blocked(heap, patient(4096));
    assertThatThrownBy(heap::close).isInstanceOf(IllegalStateException.class);
    Await.blocked(waiting.thread);
    all.close();
    waiting.get().close();
  }

  // ---- TRY_HARD ----

  @ParameterizedTest
  @EnumSource
  void tryHard_nobodyLetsGo_failsAfterAWhile(TestMemory memory) {
    Heap heap = heaps.open(memory, 64 * KIB);
    try (DmaBuf all = heap.allocate(64 * KIB)) {
      long start = System.nanoTime();
      AllocationRequest request = AllocationRequest.of(1).policy(AllocPolicy.TRY_HARD).build();
      assertThatThrownBy(() -> heap.allocate(request)).isInstanceOf(OutOfBuffersException.class);
      assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(Supply.TRY_HARD_NANOS);
      assertThat(all.isClosed()).isFalse();
    }
  }

  @ParameterizedTest
  @EnumSource
  void tryHard_somebodyLetsGo_succeeds(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    AllocationRequest request = AllocationRequest.of(1).policy(AllocPolicy.TRY_HARD).build();
    for (int tries = 0; ; tries++) {
      DmaBuf all = heap.allocate(64 * KIB);
      Waiting waiting = new Waiting(heap, request, true, false);
      Await.until(
          "it waits, or gave up", () -> !waiting.thread.isAlive() || isParked(waiting.thread));
      all.close();
      Await.joined(waiting.thread);
      if (waiting.buffer.get() != null) {
        waiting.buffer.get().close();
        return;
      }
      assertThat(tries).as("a slow machine may need more than one try").isLessThan(20);
    }
  }

  private static boolean isParked(Thread thread) {
    return thread.getState() == Thread.State.TIMED_WAITING;
  }

  // ---- futures ----

  @ParameterizedTest
  @EnumSource
  void allocateAsync_memoryThere_isComplete(TestMemory memory) {
    Heap heap = heaps.open(memory, MIB);
    CompletableFuture<DmaBuf> future = heap.allocateAsync(AllocationRequest.of(100).build());
    assertThat(future).isCompleted();
    future.join().close();
  }

  @ParameterizedTest
  @EnumSource
  void allocateAsync_limitReached_completesAtARelease(TestMemory memory) throws Exception {
    Heap heap = heaps.open(memory, 64 * KIB);
    DmaBuf all = heap.allocate(64 * KIB);
    CompletableFuture<DmaBuf> future = heap.allocateAsync(AllocationRequest.of(100).build());
    CompletableFuture<Boolean> interrupted =
        future.thenApply(buffer -> Thread.currentThread().isInterrupted());
    assertThat(future).isNotDone();
    all.close();
    future.get(20, TimeUnit.SECONDS).close();
    assertThat(interrupted.get(20, TimeUnit.SECONDS)).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void allocateAsync_cancelled_leaksNothing(TestMemory memory) throws InterruptedException {
    PooledHeap heap = heaps.open(memory, 64 * KIB);
    for (int i = 0; i < 200; i++) {
      DmaBuf all = heap.allocateUninterruptibly(patient(64 * KIB));
      CompletableFuture<DmaBuf> future = heap.allocateAsync(AllocationRequest.of(100).build());
      if (i % 2 == 0) {
        future.cancel(true);
        all.close();
      } else { // both at once
        Thread closer = Thread.startVirtualThread(all::close);
        if (!future.cancel(true)) {
          future.join().close();
        }
        Await.joined(closer);
      }
      assertThat(future.isCancelled() || !future.isCompletedExceptionally()).isTrue();
    }
    Await.until("those that gave up have let go", () -> heap.statistics().liveBuffers() == 0);
    Await.until("nobody waits", heap.pool.waiters::isEmpty);
  }

  @ParameterizedTest
  @EnumSource
  void allocateAsync_cancelled_isCancelled(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 64 * KIB);
    try (DmaBuf all = heap.allocate(64 * KIB)) {
      CompletableFuture<DmaBuf> future = heap.allocateAsync(AllocationRequest.of(100).build());
      assertThat(future.cancel(true)).isTrue();
      assertThatThrownBy(future::join).isInstanceOf(CancellationException.class);
      Await.until("nobody waits", heap.pool.waiters::isEmpty);
      assertThat(all.size()).isEqualTo(64 * KIB);
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocateAsync_neverFits_orClosed_isAFailedFuture(TestMemory memory) {
    Heap heap = heaps.open(memory, 64 * KIB);
    assertThat(heap.allocateAsync(AllocationRequest.of(MIB).build()))
        .isCompletedExceptionally()
        .failsWithin(Duration.ofSeconds(1))
        .withThrowableThat()
        .withCauseInstanceOf(OutOfBuffersException.class);
    heap.close();
    assertThat(heap.allocateAsync(AllocationRequest.of(1).build()))
        .failsWithin(Duration.ofSeconds(1))
        .withThrowableThat()
        .withCauseInstanceOf(IllegalStateException.class);
  }

  @ParameterizedTest
  @EnumSource
  void allocateAsync_severalWait_areServedInTheOrderOfTheCalls(TestMemory memory) throws Exception {
    Heap heap = heaps.open(memory, 64 * KIB); // one at a time
    AllocationRequest request = AllocationRequest.of(64 * KIB).uninitialized().build();
    for (int round = 0; round < 20; round++) {
      DmaBuf all = heap.allocateUninterruptibly(patient(64 * KIB));
      List<CompletableFuture<DmaBuf>> futures = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        futures.add(heap.allocateAsync(request));
      }
      all.close();
      for (int i = 0; i < futures.size(); i++) {
        DmaBuf buffer = futures.get(i).get(20, TimeUnit.SECONDS);
        assertThat(futures.subList(i + 1, futures.size()))
            .as("those behind number %d", i)
            .noneMatch(CompletableFuture::isDone);
        buffer.close();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocateAsync_memoryFreeButOthersWaitForIt_goesBehindThem(TestMemory memory)
      throws Exception {
    PooledHeap heap = heaps.open(memory, 64 * KIB);
    Waiters.Waiter first = new Waiters.Waiter(Thread.currentThread(), 64 * KIB); // never tries
    heap.pool.waiters.join(first);
    CompletableFuture<DmaBuf> future = heap.allocateAsync(AllocationRequest.of(1).build());
    Thread other =
        Thread.ofPlatform().start(() -> heap.allocateUninterruptibly(patient(1)).close());
    for (int look = 0; look < 10; look++) { // both look around, and leave it to the first
      Await.blocked(other);
      int before = heap.pool.waiters.wakeUps();
      Await.until("the first is told", () -> heap.pool.waiters.wakeUps() != before);
    }
    assertThat(future).isNotDone();
    heap.pool.waiters.leave(first);
    future.get(20, TimeUnit.SECONDS).close();
    Await.joined(other);
  }

  @ParameterizedTest
  @EnumSource
  void allocateAsync_thousandsWait_allAreServed(TestMemory memory) throws Exception {
    Heap heap = heaps.open(memory, 64 * KIB);
    DmaBuf all = heap.allocate(64 * KIB);
    List<CompletableFuture<Void>> futures = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      futures.add(
          heap.allocateAsync(AllocationRequest.of(8 * KIB).build()).thenAccept(DmaBuf::close));
    }
    all.close();
    CompletableFuture.allOf(futures.toArray(CompletableFuture[]::new)).get(20, TimeUnit.SECONDS);
  }
}
