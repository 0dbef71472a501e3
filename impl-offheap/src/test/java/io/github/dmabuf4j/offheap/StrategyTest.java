package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Hold;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a heap does for its strategy, and asks of it. */
@Timeout(60)
final class StrategyTest {
  private static final long LIMIT = 4 * MIB;

  private final RecordingStrategy strategy = new RecordingStrategy();
  private final PooledHeap heap = TestStrategies.open(strategy, LIMIT);

  /** Nothing is left, and the strategy was closed after all that, once. */
  @AfterEach
  void nothingIsLeft() {
    strategy.beforeClose =
        () -> assertThat(strategy.live()).as("pieces at the end of the strategy").isZero();
    heap.close();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(strategy.live()).isZero();
    assertThat(strategy.closed).hasValue(1);
  }

  private void assertEmpty() {
    HeapStatistics now = heap.statistics();
    assertThat(now.committedBytes()).isZero();
    assertThat(now.liveBuffers()).isZero();
    assertThat(now.liveBytes()).isZero();
    assertThat(heap.info().buffers()).isEmpty();
    assertThat(strategy.live()).isZero();
  }

  private static AllocationRequest.Builder request(long size) {
    return AllocationRequest.of(size);
  }

  // ---- pieces ----

  @Test
  void eachBuffer_isAPieceOfItsOwn_freedWhenItIsReleased() {
    DmaBuf one = heap.allocate(100);
    DmaBuf two = heap.allocate(100);
    assertThat(strategy.live()).isEqualTo(2);
    assertThat(heap.statistics().committedBytes()).isEqualTo(2 * SizeClasses.PAGE);
    one.close();
    assertThat(strategy.live()).isEqualTo(1);
    assertThat(heap.statistics().committedBytes()).isEqualTo(SizeClasses.PAGE);
    two.close();
    assertEmpty();
    assertThat(strategy.lastToFree).isSameAs(Thread.currentThread());
    assertThat(heap.statistics().poolHits()).as("the heap keeps nothing").isZero();
  }

  @Test
  void pieceInQuarantine_isFreedByWhoeverSignalsTheFence() throws InterruptedException {
    FenceContext device = FenceContext.create("device");
    DmaBuf buffer = heap.allocate(100);
    Fence fence = device.newFence();
    buffer.reservation().lock();
    buffer.reservation().reserve(1);
    buffer.reservation().add(fence, FenceUsage.READ);
    buffer.reservation().unlock();
    buffer.close();
    assertThat(strategy.live()).isEqualTo(1);
    Thread signaller = Thread.ofVirtual().start(() -> device.signal(fence));
    Await.joined(signaller);
    assertThat(strategy.lastToFree).isSameAs(signaller);
    assertEmpty();
    device.close();
  }

  @Test
  void freshBuffer_isZero_unlessTheCallerOverwritesIt_orTheStrategySaysSo() {
    try (DmaBuf zeroed = heap.allocate(5000);
        DmaBuf used = heap.allocateUninterruptibly(request(5000).uninitialized().build())) {
      assertThat(byteAt(zeroed, 0)).isZero();
      assertThat(byteAt(zeroed, 4999)).isZero();
      assertThat(byteAt(used, 0)).isEqualTo(RecordingStrategy.USED);
    }
    strategy.saysZero = true;
    try (DmaBuf trusted = heap.allocate(5000)) {
      assertThat(byteAt(trusted, 0)).as("not touched").isEqualTo(RecordingStrategy.USED);
    }
  }

  private static byte byteAt(DmaBuf buffer, long offset) {
    try (Hold hold = buffer.hold()) {
      return hold.segment().get(ValueLayout.JAVA_BYTE, offset);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 16, 4096, 65536})
  void alignment_beyondTheStrategys_isMadeByAskingForMore(long itsOwn) {
    PooledHeap other = TestStrategies.open(strategyWithAlignment(itsOwn), LIMIT);
    for (long alignment = 1; alignment <= 1 << 20; alignment *= 4) {
      try (DmaBuf buffer =
              other.allocateUninterruptibly(request(5000).alignment(alignment).build());
          Hold hold = buffer.hold()) {
        assertThat(hold.address() % Math.max(alignment, SizeClasses.PAGE)).isZero();
        hold.segment().fill((byte) 1);
        assertThat(other.statistics().committedBytes()).isEqualTo(2 * SizeClasses.PAGE);
      }
    }
    other.close();
  }

  private static RecordingStrategy strategyWithAlignment(long alignment) {
    RecordingStrategy made = new RecordingStrategy();
    made.maxAlignment = alignment;
    made.offset = alignment; // no better aligned than it says
    return made;
  }

  @Test
  void alignment_beyondAll_isRefusedWithTheLargest() {
    assertThatThrownBy(() -> heap.allocateUninterruptibly(request(1).alignment(4 * MIB).build()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at most 2097152, got 4194304");
    assertEmpty();
  }

  @Test
  void limit_countsWhatBuffersNeed_andIsMetAsInAnyHeap() throws InterruptedException {
    DmaBuf all = heap.allocate(LIMIT);
    assertThatThrownBy(() -> heap.allocate(1)).hasMessageContaining("limit 4194304 B");
    FutureTask<DmaBuf> later =
        new FutureTask<>(() -> heap.allocate(request(100).policy(AllocPolicy.NO_FAIL).build()));
    Thread waiter = Thread.ofPlatform().start(later);
    Await.blocked(waiter);
    all.close();
    Await.joined(waiter);
    later.resultNow().close();
    assertEmpty();
  }

  @Test
  void bulk_allOrNothing_isAPieceForEach() throws InterruptedException {
    AllocationRequest each = request(MIB).policy(AllocPolicy.NO_FAIL).build();
    List<DmaBuf> buffers = heap.allocateBulk(each, 4);
    assertThat(strategy.live()).isEqualTo(4);
    buffers.forEach(DmaBuf::close);
    assertEmpty();
  }

  @Test
  void poolSegment_diesWithTheBuffer_beforeThePieceIsFreed() {
    DmaBuf buffer = heap.allocate(100);
    MemorySegment stale = poolSegment(buffer);
    stale.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
    strategy.beforeFree = () -> assertThat(stale.scope().isAlive()).isFalse();
    buffer.close();
    assertThatThrownBy(() -> stale.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
    assertEmpty();
  }

  /** One of the kind POOL, as it is without the validator: with the life of the memory. */
  private static MemorySegment poolSegment(DmaBuf buffer) {
    return BufferObject.exporterOf(buffer, Block.class).orElseThrow().segment(buffer.size());
  }

  // ---- locks and threads ----

  @Test
  void strategyThatIsSlow_holdsUpNobodyElse() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    strategy.beforeAllocate =
        bytes -> {
          if (bytes >= MIB) {
            inside.countDown();
            awaitLatch(goOn);
          }
        };
    FutureTask<DmaBuf> slow = new FutureTask<>(() -> heap.allocate(MIB));
    Thread thread = Thread.ofPlatform().start(slow);
    awaitLatch(inside);
    heap.allocateUninterruptibly(request(100).policy(AllocPolicy.NOWAIT).build()).close();
    assertThat(heap.info().buffers()).isEmpty();
    assertThat(heap.statistics().committedBytes()).as("charged before").isEqualTo(MIB);
    goOn.countDown();
    Await.joined(thread);
    slow.get().close();
    assertEmpty();
  }

  @Test
  void allocationThatIsUnderWay_whenTheHeapDrains_isLive_andItsReleaseEndsTheHeap()
      throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    strategy.beforeAllocate =
        bytes -> {
          inside.countDown();
          awaitLatch(goOn);
        };
    FutureTask<DmaBuf> slow = new FutureTask<>(() -> heap.allocate(100));
    Thread thread = Thread.ofPlatform().start(slow);
    awaitLatch(inside);
    assertThat(heap.drain(Duration.ZERO)).isFalse();
    assertThat(strategy.closed).hasValue(0);
    goOn.countDown();
    Await.joined(thread);
    slow.get().close();
    assertThat(heap.drain(Duration.ofSeconds(20))).isTrue();
    assertThat(strategy.closed).hasValue(1);
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void pieceThatOnlyItsThreadCanFree_staysCommitted_untilThatThreadTrims()
      throws InterruptedException {
    Thread owner = Thread.currentThread();
    strategy.beforeFree =
        () -> {
          if (Thread.currentThread() != owner) {
            throw new WrongThreadException("not the owner");
          }
        };
    DmaBuf buffer = heap.allocate(100);
    Thread other = Thread.ofPlatform().start(buffer::close);
    Await.joined(other);
    assertThat(heap.statistics().liveBuffers()).isZero();
    assertThat(heap.statistics().committedBytes()).isEqualTo(SizeClasses.PAGE);
    assertThat(strategy.live()).isEqualTo(1);
    assertThat(heap.trim()).isEqualTo(SizeClasses.PAGE);
    assertEmpty();
  }

  @Test
  void pieceThatOnlyItsThreadCanFree_isFound_whenThatThreadWaitsForMemory() throws Exception {
    CountDownLatch allocated = new CountDownLatch(1);
    AllocationRequest all = request(LIMIT).policy(AllocPolicy.NO_FAIL).build();
    List<DmaBuf> first = new ArrayList<>();
    FutureTask<DmaBuf> second =
        new FutureTask<>(
            () -> {
              first.add(heap.allocate(all));
              allocated.countDown();
              return heap.allocate(all);
            });
    Thread owner = Thread.ofPlatform().start(second);
    strategy.beforeFree =
        () -> {
          if (Thread.currentThread() != owner) {
            throw new WrongThreadException("not the owner");
          }
        };
    awaitLatch(allocated);
    Await.blocked(owner);
    first.getFirst().close();
    Await.joined(owner);
    strategy.beforeFree = () -> {};
    second.resultNow().close();
    assertEmpty();
  }

  @Test
  void pieceThatNativeCodeUses_isFreedWhenThatIsDone() throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle sort =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("qsort"),
            FunctionDescriptor.ofVoid(
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.ADDRESS));
    MethodHandle compare =
        MethodHandles.lookup()
            .bind(
                this,
                "closeWhileComparing",
                MethodType.methodType(int.class, MemorySegment.class, MemorySegment.class));
    inUse = heap.allocate(100);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment callback =
          linker.upcallStub(
              compare,
              FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS),
              arena);
      MemorySegment stale = poolSegment(inUse);
      sort.invokeExact(stale, 2L, 1L, callback);
    }
    Await.until("the piece is freed", () -> strategy.live() == 0);
    Await.until("it went back", () -> heap.statistics().committedBytes() == 0);
    assertEmpty();
  }

  private DmaBuf inUse;

  @SuppressWarnings({"UnusedMethod", "UnusedVariable"}) // by qsort
  private int closeWhileComparing(MemorySegment one, MemorySegment other) {
    inUse.close();
    assertThat(strategy.live()).isEqualTo(1);
    assertThat(heap.statistics().committedBytes()).isEqualTo(SizeClasses.PAGE);
    return 0;
  }

  // ---- reports ----

  @Test
  void heap_saysWhichStrategyItHas_andWhatThatHas() {
    assertThat(heap.toString()).endsWith("strategy test with 0 B");
    heap.allocate(100).close();
    heap.close();
    assertThat(heap.toString()).endsWith(", closed, strategy test, closed");
  }
}
