package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.offheap.strategy.BuiltIn;
import io.github.dmabuf4j.spi.PoolingStrategyProvider;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/**
 * Random steps on a heap against a model that knows every buffer's place, content and references:
 * no two live buffers overlap, the limits hold, NORMAL and pins fail only if they must, and all
 * bytes are back at the end.
 */
class HeapProperties {
  private static final int TRIES = 60;
  private static final int STEPS = 1000;
  private static final long LIMIT = 8 * MIB;
  private static final long PINNED_LIMIT = MIB;
  private static final List<AllocPolicy> POLICIES =
      List.of(AllocPolicy.NOWAIT, AllocPolicy.FAIL_FAST, AllocPolicy.NORMAL);
  private static final AtomicLong STEPS_DONE = new AtomicLong();

  private enum Kind {
    ALLOCATE,
    DUP,
    CLOSE,
    CLOSE_AGAIN,
    READ,
    WRITE,
    FENCE,
    SIGNAL,
    PIN,
    UNPIN,
    TICK,
    TRIM
  }

  /** What to do, and numbers to do it with. */
  record Step(Kind kind, int choice, long size) {}

  @Provide
  Arbitrary<List<Step>> steps() {
    Arbitrary<Kind> kinds =
        Arbitraries.frequency(
            Tuple.of(30, Kind.ALLOCATE),
            Tuple.of(10, Kind.DUP),
            Tuple.of(32, Kind.CLOSE),
            Tuple.of(3, Kind.CLOSE_AGAIN),
            Tuple.of(10, Kind.READ),
            Tuple.of(10, Kind.WRITE),
            Tuple.of(2, Kind.FENCE),
            Tuple.of(2, Kind.SIGNAL),
            Tuple.of(4, Kind.PIN),
            Tuple.of(4, Kind.UNPIN),
            Tuple.of(1, Kind.TICK),
            Tuple.of(1, Kind.TRIM));
    Arbitrary<Long> sizes =
        Arbitraries.frequencyOf(
            Tuple.of(6, Arbitraries.longs().between(1, 20 * KIB)),
            Tuple.of(3, Arbitraries.longs().between(1, 300 * KIB)),
            Tuple.of(1, Arbitraries.longs().between(MIB - 8 * KIB, 3 * MIB)),
            Tuple.of(1, Arbitraries.of(1L, 4095L, 4096L, 4097L, LIMIT, LIMIT + 1, Long.MAX_VALUE)));
    return Combinators.combine(kinds, Arbitraries.integers().between(0, 1 << 20), sizes)
        .as(Step::new)
        .list()
        .ofSize(STEPS);
  }

  @BeforeContainer
  static void start() {
    STEPS_DONE.set(0);
  }

  @AfterContainer
  static void enoughSteps() {
    assertThat(STEPS_DONE.get()).isGreaterThanOrEqualTo(100_000);
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.BOUNDED)
  void mappedMemory(@ForAll("steps") List<Step> steps) {
    new Model(TestMemory.MAPPED.openPinnable(LIMIT, PINNED_LIMIT), true).run(steps);
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.BOUNDED)
  void memoryOfArenas(@ForAll("steps") List<Step> steps) {
    new Model(TestMemory.ARENA.openPinnable(LIMIT, PINNED_LIMIT), true).run(steps);
  }

  @Property(tries = TRIES / 10, shrinking = ShrinkingMode.BOUNDED)
  void memoryOfStrategies(@ForAll("steps") List<Step> steps) {
    for (PoolingStrategyProvider strategy : BuiltIn.providers()) {
      new Model(TestStrategies.openPinnable(strategy.name(), LIMIT, PINNED_LIMIT), false)
          .run(steps);
    }
  }

  /** A buffer as it should be. */
  private static final class Expected {
    final long size;
    final long address;
    final long blockBytes;
    long stamp;
    int handles = 1;
    int pins;
    final List<Fence> fences = new ArrayList<>();

    Expected(long size, long address, long blockBytes) {
      this.size = size;
      this.address = address;
      this.blockBytes = blockBytes;
    }

    boolean isOver() {
      return handles == 0 && pins == 0 && fences.isEmpty();
    }
  }

  private record Pinned(Pin pin, Expected of, Reservation reservation) {}

  private record Handle(DmaBuf buffer, Expected of) {}

  private static final class Model {
    final PooledHeap heap;
    final boolean hasClasses;
    final FenceContext device = FenceContext.create("model");
    final List<Handle> handles = new ArrayList<>();
    final List<DmaBuf> closed = new ArrayList<>();
    final List<Map.Entry<Fence, Expected>> pending = new ArrayList<>();
    final TreeMap<Long, Expected> byAddress = new TreeMap<>();
    final List<Pinned> pins = new ArrayList<>();
    long liveBytes;
    long pinnedBytes;
    long stamps;

    Model(PooledHeap heap, boolean hasClasses) {
      this.heap = heap;
      this.hasClasses = hasClasses;
    }

    void run(List<Step> steps) {
      for (Step step : steps) {
        apply(step);
        STEPS_DONE.incrementAndGet();
      }
      checkStatistics();
      List.copyOf(handles).forEach(this::close);
      List.copyOf(pins).forEach(this::unpin);
      while (!pending.isEmpty()) {
        signalOldest();
      }
      heap.trim();
      checkStatistics();
      assertThat(heap.statistics().committedBytes()).isZero();
      heap.close();
    }

    private void apply(Step step) {
      switch (step.kind) {
        case ALLOCATE -> allocate(step);
        case TICK -> heap.pool.returns.tick();
        case TRIM -> {
          heap.trim();
          checkStatistics();
        }
        case SIGNAL -> {
          if (!pending.isEmpty()) {
            signalOldest();
          }
        }
        case UNPIN -> {
          if (!pins.isEmpty()) {
            unpin(pins.get(step.choice % pins.size()));
          }
        }
        case CLOSE_AGAIN -> {
          if (!closed.isEmpty()) {
            useAfterClose(closed.get(step.choice % closed.size()));
          }
        }
        default -> {
          if (!handles.isEmpty()) {
            apply(step, handles.get(step.choice % handles.size()));
          }
        }
      }
    }

    private void apply(Step step, Handle handle) {
      switch (step.kind) {
        case DUP -> {
          handles.add(new Handle(handle.buffer.dup(), handle.of));
          handle.of.handles++;
        }
        case CLOSE -> close(handle);
        case READ -> check(handle);
        case WRITE -> stamp(handle);
        case FENCE -> addFence(handle);
        case PIN -> pin(step, handle);
        default -> throw new AssertionError(step);
      }
    }

    private void allocate(Step step) {
      boolean zeroed = step.choice % 3 == 0;
      long alignment =
          step.choice % 5 == 0 ? 1L << (step.choice / 5 % 18) : AllocationRequest.DEFAULT_ALIGNMENT;
      AllocPolicy policy = POLICIES.get(step.choice % POLICIES.size());
      AllocationRequest.Builder request =
          AllocationRequest.of(step.size).alignment(alignment).policy(policy);
      if (!zeroed) {
        request.uninitialized();
      }
      DmaBuf buffer;
      try {
        buffer = heap.allocateUninterruptibly(request.build());
      } catch (OutOfBuffersException e) {
        if (policy == AllocPolicy.NORMAL) {
          assertThat(step.size > LIMIT || liveBytes + blockBytes(step.size) > LIMIT)
              .as("NORMAL failed with %d B live: %s", liveBytes, e.getMessage())
              .isTrue();
        }
        return;
      }
      try (Hold hold = buffer.hold()) {
        assertThat(buffer.size()).isEqualTo(step.size);
        assertThat(hold.address() % Math.max(alignment, AllocationRequest.DEFAULT_ALIGNMENT))
            .isZero();
        if (zeroed) {
          assertThat(isZero(hold.segment()))
              .as("a fresh buffer of %d B is zero", step.size)
              .isTrue();
        }
        Expected expected = new Expected(step.size, hold.address(), blockBytes(step.size));
        checkNoOverlap(expected);
        byAddress.put(expected.address, expected);
        liveBytes += expected.blockBytes;
        handles.add(new Handle(buffer, expected));
      }
      stamp(handles.getLast());
      assertThat(liveBytes).isLessThanOrEqualTo(LIMIT);
      assertThat(heap.statistics().committedBytes()).isBetween(liveBytes, LIMIT);
    }

    private long blockBytes(long size) {
      long pages = SizeClasses.pages(size);
      int sizeClass = SizeClasses.classOf(pages);
      return !hasClasses
              || sizeClass == SizeClasses.UNPOOLED
              || SizeClasses.bytes(sizeClass) > LIMIT
          ? pages * SizeClasses.PAGE
          : SizeClasses.bytes(sizeClass);
    }

    private void checkNoOverlap(Expected fresh) {
      Map.Entry<Long, Expected> below = byAddress.floorEntry(fresh.address);
      Map.Entry<Long, Expected> above = byAddress.ceilingEntry(fresh.address);
      assertThat(below == null || below.getKey() + below.getValue().blockBytes <= fresh.address)
          .isTrue();
      assertThat(above == null || fresh.address + fresh.blockBytes <= above.getKey()).isTrue();
    }

    private static boolean isZero(MemorySegment segment) {
      if (segment.byteSize() <= 64 * KIB) {
        return segment.mismatch(MemorySegment.ofArray(new byte[(int) segment.byteSize()])) == -1;
      }
      for (long at = 0; at < segment.byteSize(); at += 1021) {
        if (segment.get(ValueLayout.JAVA_BYTE, at) != 0) {
          return false;
        }
      }
      return segment.get(ValueLayout.JAVA_BYTE, segment.byteSize() - 1) == 0;
    }

    /** Writes a number of its own to the first and last bytes and to each page. */
    private void stamp(Handle handle) {
      handle.of.stamp = ++stamps;
      try (Hold hold = handle.buffer.hold()) {
        assertThat(hold.address()).isEqualTo(handle.of.address);
        for (long at = 0; at < handle.of.size; at = next(at, handle.of.size)) {
          hold.segment().set(ValueLayout.JAVA_BYTE, at, (byte) (handle.of.stamp + at));
        }
      }
    }

    private void check(Handle handle) {
      try (Hold hold = handle.buffer.hold()) {
        for (long at = 0; at < handle.of.size; at = next(at, handle.of.size)) {
          assertThat(hold.segment().get(ValueLayout.JAVA_BYTE, at))
              .isEqualTo((byte) (handle.of.stamp + at));
        }
      }
    }

    private static long next(long at, long size) {
      return at < 8 || at >= size - 8 ? at + 1 : Math.min(at + SizeClasses.PAGE, size - 8);
    }

    private void close(Handle handle) {
      check(handle);
      handle.buffer.close();
      handles.remove(handle);
      closed.add(handle.buffer);
      handle.of.handles--;
      forgetIfOver(handle.of);
    }

    private void forgetIfOver(Expected buffer) {
      if (buffer.isOver()) {
        byAddress.remove(buffer.address);
        liveBytes -= buffer.blockBytes;
      }
    }

    private static void useAfterClose(DmaBuf stale) {
      stale.close();
      assertThatThrownBy(stale::size).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(stale::dup).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(stale::hold).isInstanceOf(IllegalStateException.class);
    }

    private void addFence(Handle handle) {
      Fence fence = device.newFence();
      Reservation reservation = handle.buffer.reservation();
      reservation.lock();
      try {
        reservation.reserve(1);
        reservation.add(fence, FenceUsage.BOOKKEEP);
      } finally {
        reservation.unlock();
      }
      handle.of.fences.add(fence);
      pending.add(Map.entry(fence, handle.of));
    }

    /** Fails if, and only if, the buffer isn't pinned and its block would exceed the limit. */
    private void pin(Step step, Handle handle) {
      Pin.Term term = step.choice / 7 % 2 == 0 ? Pin.Term.SHORT : Pin.Term.LONG;
      long more = handle.of.pins == 0 ? handle.of.blockBytes : 0;
      Reservation reservation = handle.buffer.reservation();
      reservation.lock();
      try {
        pins.add(new Pinned(handle.buffer.pin(term), handle.of, reservation));
        handle.of.pins++;
        pinnedBytes += more;
      } catch (DmaBufException e) {
        assertThat(more).isPositive();
        assertThat(pinnedBytes + more)
            .as("a pin failed: %s", e.getMessage())
            .isGreaterThan(PINNED_LIMIT);
        assertThat(handle.buffer.info().pins()).isZero();
      } finally {
        reservation.unlock();
      }
      checkPinned();
    }

    private void unpin(Pinned pinned) {
      pinned.reservation.lock();
      try {
        pinned.pin.close();
      } finally {
        pinned.reservation.unlock();
      }
      pins.remove(pinned);
      pinned.of.pins--;
      pinnedBytes -= pinned.of.pins == 0 ? pinned.of.blockBytes : 0;
      forgetIfOver(pinned.of);
      checkPinned();
    }

    private void checkPinned() {
      assertThat(heap.statistics().pinnedBytes())
          .isEqualTo(pinnedBytes)
          .isLessThanOrEqualTo(PINNED_LIMIT);
    }

    private void signalOldest() {
      Map.Entry<Fence, Expected> oldest = pending.removeFirst();
      device.signal(oldest.getKey());
      oldest.getValue().fences.remove(oldest.getKey());
      forgetIfOver(oldest.getValue());
    }

    private void checkStatistics() {
      HeapStatistics now = heap.statistics();
      assertThat(now.liveBytes()).isEqualTo(liveBytes);
      assertThat(now.liveBuffers()).isEqualTo(byAddress.size());
      assertThat(heap.info().buffers()).hasSize(byAddress.size());
      assertThat(now.committedBytes())
          .isEqualTo(now.liveBytes() + now.idleBytes())
          .isLessThanOrEqualTo(LIMIT);
      assertThat(now.peakCommittedBytes()).isLessThanOrEqualTo(LIMIT);
      checkPinned();
    }
  }
}
