package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a heap with a store does when it is short of memory: evict, purge, and bring back. */
@Timeout(120)
final class EvictionTest {
  private static final long SIZE = 64 * TestMemory.KIB;
  private static final long LIMIT = 4 * TestMemory.MIB;

  @RegisterExtension final HeapGuard guard = new HeapGuard();

  private final List<DmaBuf> buffers = new ArrayList<>();
  private @Nullable DeflatingStore store;

  @AfterEach
  void closeBuffers() {
    buffers.forEach(DmaBuf::close);
    buffers.clear();
  }

  private PooledHeap open(TestMemory memory) {
    return withStore(guard.open(memory, LIMIT));
  }

  private PooledHeap withStore(PooledHeap heap) {
    heap.pool.openStore(
        memory -> {
          store = new DeflatingStore(memory);
          return store;
        });
    return heap;
  }

  private DeflatingStore store() {
    return Objects.requireNonNull(store);
  }

  private DmaBuf allocate(PooledHeap heap, int number) {
    return allocate(heap, AllocationRequest.of(SIZE), number);
  }

  private DmaBuf allocate(PooledHeap heap, AllocationRequest.Builder request, int number) {
    DmaBuf buffer = heap.allocateUninterruptibly(request.name("buffer " + number).build());
    buffers.add(buffer);
    fill(buffer, number);
    return buffer;
  }

  private static void fill(DmaBuf buffer, int number) {
    try (Hold hold = buffer.hold()) {
      MemorySegment all = hold.segment();
      for (long i = 0; i < all.byteSize(); i += Integer.BYTES) {
        all.set(ValueLayout.JAVA_INT, i, word(number, i));
      }
    }
  }

  /** Bytes that can be told from others', and halved. */
  private static int word(int number, long offset) {
    return number * 31 + (int) (offset >>> 8);
  }

  private static void check(DmaBuf buffer, int number) {
    try (Hold hold = buffer.hold()) {
      MemorySegment all = hold.segment();
      for (long i = 0; i < all.byteSize(); i += Integer.BYTES) {
        if (all.get(ValueLayout.JAVA_INT, i) != word(number, i)) {
          throw new AssertionError("buffer %d is damaged at %d".formatted(number, i));
        }
      }
    }
  }

  private static boolean advise(DmaBuf buffer, Advice advice) {
    buffer.reservation().lock();
    try {
      return buffer.advise(advice);
    } finally {
      buffer.reservation().unlock();
    }
  }

  private static Residency residency(DmaBuf buffer) {
    return buffer.info().residency();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void fiveTimesTheLimit_fits_andComesBackAsItWas(TestMemory memory) {
    PooledHeap heap = open(memory);
    int count = (int) (5 * LIMIT / SIZE);
    for (int i = 0; i < count; i++) {
      allocate(heap, i);
      assertThat(heap.statistics().committedBytes()).isLessThanOrEqualTo(LIMIT);
    }
    assertThat(heap.statistics().liveBuffers()).isEqualTo(count);
    assertThat(heap.shrinker().statistics().evictedBuffers()).isGreaterThan(count * 3L / 4);
    for (int i = 0; i < count; i++) {
      check(buffers.get(i), i);
    }
    for (int i = count - 1; i >= 0; i--) {
      check(buffers.get(i), i);
    }
    assertThat(heap.statistics().peakCommittedBytes()).isLessThanOrEqualTo(LIMIT);
    assertThat(heap.shrinker().statistics().refaults()).isGreaterThan(count);
    closeBuffers();
    assertThat(store().open).as("tickets").hasValue(0);
    heap.close();
    assertThat(store().closed).isTrue();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void sh6_leastRecentlyUsedGoesFirst(TestMemory memory) {
    PooledHeap heap = open(memory);
    for (int i = 0; i < 6; i++) {
      allocate(heap, i);
    }
    check(buffers.get(0), 0);
    check(buffers.get(2), 2);
    assertThat(heap.shrinker().reclaim(4 * SIZE, AllocPolicy.NORMAL)).isEqualTo(4 * SIZE);
    assertThat(buffers)
        .extracting(EvictionTest::residency)
        .containsExactly(
            Residency.RESIDENT,
            Residency.EVICTED,
            Residency.RESIDENT,
            Residency.EVICTED,
            Residency.EVICTED,
            Residency.EVICTED);
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void notNeeded_isPurgedBeforeAnythingIsEvicted(TestMemory memory) {
    PooledHeap heap = open(memory);
    for (int i = 0; i < 4; i++) {
      allocate(heap, i);
    }
    assertThat(advise(buffers.get(3), Advice.DONT_NEED)).isTrue();
    assertThat(heap.shrinker().reclaim(2 * SIZE, AllocPolicy.NORMAL)).isEqualTo(2 * SIZE);
    assertThat(residency(buffers.get(3))).isEqualTo(Residency.PURGED);
    assertThat(residency(buffers.get(0))).isEqualTo(Residency.EVICTED);
    assertThat(advise(buffers.get(3), Advice.WILL_NEED)).isFalse();
    assertThatExceptionOfType(BufferPurgedException.class)
        .isThrownBy(() -> buffers.get(3).hold().close());
    check(buffers.get(0), 0);
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void withoutAStore_whatIsNotNeededIsPurged_byAnAllocation(TestMemory memory) {
    PooledHeap heap = guard.open(memory, LIMIT);
    int count = (int) (LIMIT / SIZE);
    for (int i = 0; i < count; i++) {
      allocate(heap, i);
    }
    assertThatExceptionOfType(OutOfBuffersException.class).isThrownBy(() -> allocate(heap, count));
    assertThat(advise(buffers.get(5), Advice.DONT_NEED)).isTrue();
    check(allocate(heap, count), count);
    assertThat(residency(buffers.get(5))).isEqualTo(Residency.PURGED);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(count + 1);
    check(buffers.get(6), 6);
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void pn2_pinnedAndHeld_stay(TestMemory memory) {
    PooledHeap heap = open(memory);
    for (int i = 0; i < 3; i++) {
      allocate(heap, i);
    }
    DmaBuf pinned = buffers.get(0);
    pinned.reservation().lock();
    Pin pin = pinned.pin(Pin.Term.SHORT);
    pinned.reservation().unlock();
    try (Hold _ = buffers.get(1).hold()) {
      assertThat(heap.shrinker().reclaim(3 * SIZE, AllocPolicy.TRY_HARD)).isEqualTo(SIZE);
      assertThat(buffers)
          .extracting(EvictionTest::residency)
          .containsExactly(Residency.RESIDENT, Residency.RESIDENT, Residency.EVICTED);
    }
    pinned.reservation().lock();
    pin.close();
    pinned.reservation().unlock();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void incompressible_staysWhereItIs(TestMemory memory) throws InterruptedException {
    PooledHeap heap = open(memory);
    DmaBuf noise = allocate(heap, 0);
    byte[] bytes = new byte[(int) SIZE];
    new Random(1).nextBytes(bytes);
    noise.write(
        segment -> MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length));
    assertThat(heap.shrinker().reclaim(SIZE, AllocPolicy.NORMAL)).isZero();
    assertThat(heap.shrinker().statistics().refusals()).isEqualTo(1);
    assertThat(residency(noise)).isEqualTo(Residency.RESIDENT);
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void alignment_isKeptWhereItComesBack(TestMemory memory) {
    PooledHeap heap = open(memory);
    for (int i = 0; i < 8; i++) {
      allocate(heap, AllocationRequest.of(4096).alignment(32768), i);
      allocate(heap, AllocationRequest.of(4096), 100 + i);
    }
    long _ = heap.shrinker().reclaim(LIMIT, AllocPolicy.NORMAL);
    for (DmaBuf buffer : buffers) {
      boolean aligned = buffers.indexOf(buffer) % 2 == 0;
      try (Hold hold = buffer.hold()) {
        assertThat(hold.segment().address() % (aligned ? 32768 : 4096)).isZero();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void drained_evictedBuffersComeBack_untilTheyAreClosed(TestMemory memory) throws Exception {
    PooledHeap heap = open(memory);
    for (int i = 0; i < 8; i++) {
      allocate(heap, i);
    }
    assertThat(heap.shrinker().reclaim(LIMIT, AllocPolicy.NORMAL)).isEqualTo(8 * SIZE);
    assertThat(heap.drain(java.time.Duration.ZERO)).isFalse();
    check(buffers.get(3), 3);
    assertThat(heap.isClosed()).isTrue();
    closeBuffers();
    assertThat(heap.drain(java.time.Duration.ofSeconds(10))).isTrue();
    assertThat(store().closed).isTrue();
    assertThat(heap.statistics().committedBytes()).isZero();
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void movableBuffers_areEvictedFromTheRegion_andComeBack(TestMemory memory) {
    PooledHeap heap = withStore(guard.openContiguous(memory, LIMIT, LIMIT / 2));
    for (int i = 0; i < 40; i++) {
      allocate(heap, AllocationRequest.of(SIZE).movable(), i);
    }
    assertThat(heap.shrinker().reclaim(20 * SIZE, AllocPolicy.NORMAL)).isEqualTo(20 * SIZE);
    assertThat(heap.shrinker().statistics().evictedBuffers()).isEqualTo(20);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(40);
    for (int i = 0; i < 40; i++) {
      check(buffers.get(i), i);
    }
  }

  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void allocateAsync_evicts(TestMemory memory) throws Exception {
    PooledHeap heap = open(memory);
    fillUp(heap);
    DmaBuf late = heap.allocateAsync(AllocationRequest.of(SIZE).build()).get(30, TimeUnit.SECONDS);
    buffers.add(late);
    assertThat(heap.shrinker().statistics().evictedBuffers()).isPositive();
  }

  /** Closing a hold wakes nobody. */
  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void noFail_waitsUntilSomebodyIsNoLongerBusy(TestMemory memory) throws Exception {
    PooledHeap heap = open(memory);
    int count = fillUp(heap);
    List<Hold> holds = buffers.stream().map(buffer -> buffer.hold(ArenaKind.SHARED)).toList();
    var late = heap.allocateAsync(AllocationRequest.of(SIZE).build());
    holds
        .subList(0, 2)
        .forEach(Hold::close); // one, less what that takes in the store, isn't enough
    buffers.add(late.get(30, TimeUnit.SECONDS));
    assertThat(residency(buffers.getFirst())).isEqualTo(Residency.EVICTED);
    holds.forEach(Hold::close);
    for (int i = 0; i < count; i++) {
      check(buffers.get(i), i);
    }
  }

  /** Until the next allocation would have to evict. */
  private int fillUp(PooledHeap heap) {
    int count = (int) (heap.pool.mostBytes() / SIZE);
    for (int i = 0; i < count; i++) {
      allocate(heap, i);
    }
    assertThat(heap.shrinker().statistics().evictions()).isZero();
    return count;
  }
}
