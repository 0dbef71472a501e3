package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Shrinkable;
import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How a heap ends, or doesn't, while buffers of it have no memory or are losing it. */
@Timeout(120)
final class ReclaimAndEndTest {
  private static final long SIZE = EvictedHeap.SIZE;
  private static final long LIMIT = 2 * TestMemory.MIB;

  @RegisterExtension final HeapGuard guard = new HeapGuard();

  private static void refuseToClose(PooledHeap heap) {
    assertThatIllegalStateException().isThrownBy(heap::close).withMessageContaining("live buffers");
  }

  private static void useRegion(PooledHeap heap) throws InterruptedException {
    heap.contiguousRegion()
        .orElseThrow()
        .allocateContiguous(AllocationRequest.of(LIMIT / 2).build())
        .close();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void refusedClose_forABufferThatWasPurged_leavesTheRegion(TestMemory memory) throws Exception {
    PooledHeap heap = guard.openContiguous(memory, LIMIT, LIMIT / 2);
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      EvictedHeap.offer(buffer);
      assertThat(heap.shrinker().reclaim(SIZE, AllocPolicy.NORMAL)).isEqualTo(SIZE);
      assertThat(EvictedHeap.residency(buffer)).isEqualTo(Residency.PURGED);
      refuseToClose(heap);
      useRegion(heap);
    }
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void refusedClose_forABufferThatWasEvicted_leavesRegionAndStore(TestMemory memory)
      throws Exception {
    EvictedHeap evicted = new EvictedHeap(guard.openContiguous(memory, LIMIT, LIMIT / 2));
    evicted.allocateMovable(4);
    evicted.reclaimAll();
    assertThat(evicted.evictions()).isEqualTo(4);
    refuseToClose(evicted.heap);
    useRegion(evicted.heap);
    evicted.check();
    evicted.close();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void drainedHeap_withMoreThanItsLimit_bringsContentBack_byEvictingOther(TestMemory memory)
      throws Exception {
    EvictedHeap evicted = new EvictedHeap(guard.open(memory, LIMIT));
    evicted.allocate(60);
    assertThat(evicted.heap.drain(Duration.ZERO)).isFalse();
    evicted.check();
    evicted.close();
    assertThat(evicted.heap.drain(Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void lostHeap_withMoreThanItsLimit_bringsContentBack_byEvictingOther() {
    EvictedHeap evicted = new EvictedHeap(guard.open(TestMemory.ARENA, LIMIT));
    evicted.allocate(60);
    evicted.heap.pool.shrinker = new WeakReference<>(null); // went with the heap
    evicted.heap.pool.lifecycle.beginDraining();
    evicted.check();
    evicted.close();
    assertThat(evicted.heap.pool.lifecycle.isClosed()).isTrue();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void drainedHeap_bringsMovableBuffersBack_intoTheRegion(TestMemory memory) throws Exception {
    EvictedHeap evicted = new EvictedHeap(guard.openContiguous(memory, LIMIT, LIMIT / 2));
    evicted.allocateMovable(4);
    evicted.reclaimAll();
    List<Hold> holds = new ArrayList<>();
    while (evicted.heap.pool.freeBytes() >= SIZE) { // until nothing is free but the region
      evicted.allocate(1);
      holds.add(evicted.buffers.getLast().hold());
    }
    try {
      assertThat(evicted.heap.drain(Duration.ZERO)).isFalse();
      evicted.check();
    } finally {
      holds.forEach(Hold::close);
    }
    evicted.close();
    assertThat(evicted.heap.drain(Duration.ofSeconds(10))).isTrue();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void al11_heapIsNotClosed_whileABufferIsPurged(TestMemory memory) {
    PooledHeap heap = guard.open(memory, LIMIT);
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      EvictedHeap.offer(buffer);
      assertThat(heap.shrinker().reclaim(SIZE, AllocPolicy.NORMAL)).isEqualTo(SIZE);
      refuseToClose(heap);
      assertThat(heap.isClosed()).isFalse();
    }
  }

  /** Stores when it is let. */
  private static final class HeldUpStore implements SwapStore {
    final CountDownLatch storing = new CountDownLatch(1);
    final CountDownLatch let = new CountDownLatch(1);
    private final SwapStore store;

    HeldUpStore(SwapMemory memory) {
      store = new DeflatingStore(memory);
    }

    @Override
    public Ticket store(MemorySegment content) {
      storing.countDown();
      boolean done = false;
      while (!done) {
        try {
          let.await();
          done = true;
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
      return Objects.requireNonNull(store.store(content));
    }

    @Override
    public void load(Ticket ticket, MemorySegment target) {
      store.load(ticket, target);
    }

    @Override
    public void discard(Ticket ticket) {
      store.discard(ticket);
    }

    @Override
    public void close() {
      store.close();
    }
  }

  /** Gives memory up while it moves content, after the last buffer has gone. */
  private static final class AgingStore implements SwapStore {
    private final SwapStore store;
    private final SwapMemory.Piece old;
    private Runnable meanwhile = () -> {};
    boolean aging;
    boolean closedWhileAging;

    AgingStore(SwapMemory memory) {
      store = new DeflatingStore(memory);
      old = Objects.requireNonNull(memory.allocate(1));
    }

    @Override
    public @Nullable Ticket store(MemorySegment content) {
      return store.store(content);
    }

    @Override
    public void load(Ticket ticket, MemorySegment target) {
      store.load(ticket, target);
    }

    @Override
    public void discard(Ticket ticket) {
      store.discard(ticket);
    }

    @Override
    public void age() {
      aging = true;
      meanwhile.run();
      old.close();
      aging = false;
    }

    @Override
    public void close() {
      closedWhileAging |= aging;
      store.close();
      throw new IllegalStateException("the file is on fire");
    }
  }

  @Test
  void storeThatMovesContent_isClosedWhenItIsDone_andMayFail() {
    AtomicReference<AgingStore> opened = new AtomicReference<>();
    EvictedHeap evicted =
        new EvictedHeap(
            guard.open(TestMemory.ARENA, LIMIT),
            memory -> {
              opened.set(new AgingStore(memory));
              return opened.get();
            });
    evicted.allocate(4);
    evicted.reclaimAll();
    evicted.heap.pool.lifecycle.beginDraining();
    AgingStore store = opened.get();
    store.meanwhile = evicted::close;
    evicted.heap.pool.ageStore();
    assertThat(store.closedWhileAging).isFalse();
    assertThat(evicted.heap.pool.lifecycle.isClosed()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, Long.MIN_VALUE})
  void pieceOfNothing_isRefused(long bytes) {
    AtomicReference<SwapMemory> memory = new AtomicReference<>();
    EvictedHeap evicted =
        new EvictedHeap(
            guard.open(TestMemory.ARENA, LIMIT),
            given -> {
              memory.set(given);
              return new DeflatingStore(given);
            });
    assertThatIllegalArgumentException()
        .isThrownBy(() -> memory.get().allocate(bytes))
        .withMessageContaining(Long.toString(bytes));
    assertThat(evicted.heap.statistics().committedBytes()).isZero();
  }

  @Test
  void heapIsClosed_whileSomebodyEvictsWhatItsUserHasClosed() throws Exception {
    AtomicReference<HeldUpStore> opened = new AtomicReference<>();
    EvictedHeap evicted =
        new EvictedHeap(
            guard.open(TestMemory.ARENA, LIMIT),
            memory -> {
              HeldUpStore store = new HeldUpStore(memory);
              opened.set(store);
              return store;
            });
    evicted.allocate(1);
    CompletableFuture<Void> evicting = CompletableFuture.runAsync(evicted::reclaimAll);
    opened.get().storing.await();
    evicted.close();
    CompletableFuture<Void> ending = new CompletableFuture<>();
    Thread closer = Thread.ofPlatform().start(() -> end(evicted.heap, ending));
    Await.until(
        "the heap is being closed",
        () -> ending.isDone() || closer.getState() == Thread.State.TIMED_WAITING);
    opened.get().let.countDown();
    evicting.get();
    Await.joined(closer);
    ending.get();
    assertThat(evicted.heap.isClosed()).isTrue();
  }

  private static void end(PooledHeap heap, CompletableFuture<Void> ending) {
    try {
      heap.close();
      ending.complete(null);
    } catch (RuntimeException e) {
      ending.completeExceptionally(e);
    }
  }

  @Test
  void closeByWhoIsAskedForMemory_isRefusedAtOnce() {
    EvictedHeap evicted = new EvictedHeap(guard.open(TestMemory.ARENA, LIMIT));
    evicted.allocate(1);
    AtomicReference<IllegalStateException> refusal = new AtomicReference<>();
    var asked =
        new Shrinkable() {
          @Override
          public long count() {
            return 1;
          }

          @Override
          public long scan(long bytes) {
            try {
              evicted.heap.close();
            } catch (IllegalStateException e) {
              refusal.set(e);
            }
            return 0;
          }
        };
    try (var _ = evicted.heap.shrinker().register(asked)) {
      evicted.reclaimAll();
    }
    assertThat(refusal.get()).hasMessageContaining("live buffers");
    evicted.check();
    evicted.close();
  }
}
