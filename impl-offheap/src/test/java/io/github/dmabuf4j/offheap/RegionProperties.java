package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.RegionFixture.pin;
import static io.github.dmabuf4j.offheap.RegionFixture.regionOf;
import static io.github.dmabuf4j.offheap.RegionFixture.unpin;
import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.FragmentationMap.Use;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.RegionStatistics;
import io.github.dmabuf4j.Reservation;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
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
import org.jspecify.annotations.Nullable;

/**
 * Random steps on a heap with a contiguous region against a model that knows each buffer's content
 * and who uses it: whatever moves, no two buffers overlap, what is used stays in place, only
 * movable and contiguous buffers lie in the region, nothing is lost, and all accounts are exact.
 */
class RegionProperties {
  private static final int TRIES = 12;
  private static final int STEPS = 500;
  private static final long REGION = 2 * MIB;
  private static final long LIMIT = 4 * MIB;
  private static final AtomicLong STEPS_DONE = new AtomicLong();
  private static final AtomicLong MOVES = new AtomicLong();

  private enum Kind {
    PLAIN,
    MOVABLE,
    CONTIGUOUS,
    CLOSE,
    WRITE,
    HOLD,
    LET_GO,
    FENCE,
    SIGNAL,
    PIN,
    UNPIN,
    MOVE,
    COMPACT,
    TRIM,
    TRY_CLOSE
  }

  /** What to do, and numbers to do it with. */
  record Step(Kind kind, int choice, long size) {}

  @Provide
  Arbitrary<List<Step>> steps() {
    Arbitrary<Kind> kinds =
        Arbitraries.frequency(
            Tuple.of(6, Kind.PLAIN),
            Tuple.of(20, Kind.MOVABLE),
            Tuple.of(14, Kind.CONTIGUOUS),
            Tuple.of(30, Kind.CLOSE),
            Tuple.of(6, Kind.WRITE),
            Tuple.of(4, Kind.HOLD),
            Tuple.of(6, Kind.LET_GO),
            Tuple.of(3, Kind.FENCE),
            Tuple.of(4, Kind.SIGNAL),
            Tuple.of(4, Kind.PIN),
            Tuple.of(5, Kind.UNPIN),
            Tuple.of(10, Kind.MOVE),
            Tuple.of(3, Kind.COMPACT),
            Tuple.of(1, Kind.TRIM),
            Tuple.of(1, Kind.TRY_CLOSE));
    Arbitrary<Long> sizes =
        Arbitraries.frequencyOf(
            Tuple.of(6, Arbitraries.longs().between(1, 40 * KIB)),
            Tuple.of(3, Arbitraries.longs().between(1, 400 * KIB)),
            Tuple.of(1, Arbitraries.of(1L, 4096L, 4097L, MIB, REGION, REGION + 1, LIMIT + 1)));
    return Combinators.combine(kinds, Arbitraries.integers().between(0, 1 << 20), sizes)
        .as(Step::new)
        .list()
        .ofSize(STEPS);
  }

  @BeforeContainer
  static void start() {
    STEPS_DONE.set(0);
    MOVES.set(0);
  }

  @AfterContainer
  static void enoughHappened() {
    assertThat(STEPS_DONE.get()).isGreaterThanOrEqualTo(2 * TRIES * STEPS);
    assertThat(MOVES.get()).isGreaterThan(STEPS_DONE.get() / 50);
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.BOUNDED)
  void mappedMemory(@ForAll("steps") List<Step> steps) {
    new Model(TestMemory.MAPPED).run(steps);
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.BOUNDED)
  void memoryOfArenas(@ForAll("steps") List<Step> steps) {
    new Model(TestMemory.ARENA).run(steps);
  }

  /** A buffer as it should be. */
  private static final class Expected {
    final Kind kind;
    final DmaBuf buffer;
    final long size;
    long stamp;
    @Nullable Hold hold;
    @Nullable Pin pin;
    @Nullable FenceContext device;
    long keptAt;

    Expected(Kind kind, DmaBuf buffer, long size) {
      this.kind = kind;
      this.buffer = buffer;
      this.size = size;
    }

    boolean isUsed() {
      return hold != null || pin != null || device != null;
    }
  }

  private static final class Model {
    final PooledHeap heap;
    final ReservedRegion region;
    final List<Expected> live = new ArrayList<>();
    long stamps;

    Model(TestMemory memory) {
      heap = memory.openContiguous(LIMIT, REGION);
      region = Objects.requireNonNull(heap.pool.region);
    }

    void run(List<Step> steps) {
      for (Step step : steps) {
        apply(step);
        checkAccounts();
        STEPS_DONE.incrementAndGet();
      }
      checkPlaces();
      MOVES.addAndGet(region.migration.moves());
      while (!live.isEmpty()) {
        close(live.getFirst());
      }
      checkAccounts();
      heap.close();
      assertThat(heap.statistics().committedBytes()).isZero();
    }

    private void apply(Step step) {
      switch (step.kind) {
        case PLAIN, MOVABLE, CONTIGUOUS -> allocate(step);
        case COMPACT -> compact();
        case TRIM -> heap.trim();
        case TRY_CLOSE -> tryClose();
        default -> {
          if (!live.isEmpty()) {
            apply(step, live.get(step.choice % live.size()));
          }
        }
      }
    }

    private void apply(Step step, Expected one) {
      switch (step.kind) {
        case CLOSE -> close(one);
        case WRITE -> stamp(one);
        case HOLD -> hold(one);
        case LET_GO -> letGo(one);
        case FENCE -> fence(one);
        case SIGNAL -> signal(one);
        case PIN -> pinIt(one, step.choice / 7 % 2 == 0 ? Pin.Term.SHORT : Pin.Term.LONG);
        case UNPIN -> unpinIt(one);
        case MOVE -> move(step.choice);
        default -> throw new AssertionError(step);
      }
    }

    // ---- buffers ----

    private void allocate(Step step) {
      AllocPolicy policy =
          List.of(AllocPolicy.NOWAIT, AllocPolicy.FAIL_FAST, AllocPolicy.NORMAL)
              .get(step.choice % 3);
      long alignment = step.choice % 5 == 0 ? 1L << (step.choice / 5 % 18) : 256;
      AllocationRequest.Builder request =
          AllocationRequest.of(step.size).policy(policy).alignment(alignment);
      if (step.kind == Kind.MOVABLE) {
        request.movable();
      }
      long free = regionOf(heap).statistics().largestFreeBytes();
      DmaBuf buffer;
      try {
        buffer =
            step.kind == Kind.CONTIGUOUS
                ? regionOf(heap).allocateContiguous(request.build())
                : heap.allocate(request.build());
      } catch (OutOfBuffersException e) {
        boolean mustServe = step.kind != Kind.PLAIN && alignment <= SizeClasses.PAGE;
        assertThat(mustServe && SizeClasses.pages(step.size) * SizeClasses.PAGE <= free)
            .as("refused beside %d B free in one piece: %s", free, e.getMessage())
            .isFalse();
        return;
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      Expected fresh = new Expected(step.kind, buffer, step.size);
      try (Hold hold = buffer.hold()) {
        assertThat(hold.address() % alignment).isZero();
        for (long at = 0; at < step.size; at = next(at, step.size)) {
          assertThat(hold.segment().get(ValueLayout.JAVA_BYTE, at)).isZero();
        }
      }
      live.add(fresh);
      stamp(fresh);
    }

    private void close(Expected one) {
      letGo(one);
      unpinIt(one);
      check(one);
      one.buffer.close();
      signal(one); // which ends the quarantine
      live.remove(one);
    }

    private void stamp(Expected one) {
      one.stamp = ++stamps;
      try (Hold hold = one.buffer.hold()) {
        for (long at = 0; at < one.size; at = next(at, one.size)) {
          hold.segment().set(ValueLayout.JAVA_BYTE, at, (byte) (one.stamp + at));
        }
      }
    }

    private void check(Expected one) {
      try (Hold hold = one.buffer.hold()) {
        if (one.isUsed()) {
          assertThat(hold.address()).as("it is in use: it stays").isEqualTo(one.keptAt);
        }
        for (long at = 0; at < one.size; at = next(at, one.size)) {
          assertThat(hold.segment().get(ValueLayout.JAVA_BYTE, at))
              .isEqualTo((byte) (one.stamp + at));
        }
      }
    }

    private static long next(long at, long size) {
      return at < 8 || at >= size - 8 ? at + 1 : Math.min(at + SizeClasses.PAGE, size - 8);
    }

    // ---- who uses them ----

    private void hold(Expected one) {
      if (one.hold == null) {
        remember(one);
        one.hold = one.buffer.hold(ArenaKind.SHARED);
      }
    }

    private static void remember(Expected one) {
      if (!one.isUsed()) {
        one.keptAt = RegionFixture.addressOf(one.buffer);
      }
    }

    private static void letGo(Expected one) {
      if (one.hold != null) {
        one.hold.close();
        one.hold = null;
      }
    }

    private static void fence(Expected one) {
      if (one.device != null) {
        return;
      }
      remember(one);
      FenceContext device = FenceContext.create("model");
      Reservation reservation = one.buffer.reservation();
      reservation.lock();
      try {
        reservation.reserve(1);
        reservation.add(device.newFence(), FenceUsage.BOOKKEEP);
      } finally {
        reservation.unlock();
      }
      one.device = device;
    }

    private static void signal(Expected one) {
      if (one.device != null) {
        one.device.close(); // which ends its fence
        one.device = null;
      }
    }

    private void pinIt(Expected one, Pin.Term term) {
      if (one.pin != null) {
        return;
      }
      boolean inUse = one.isUsed();
      try {
        one.pin = pin(one.buffer, term);
      } catch (DmaBufException e) {
        assertThat(one.kind).as(e.getMessage()).isEqualTo(Kind.MOVABLE);
        assertThat(term).isEqualTo(Pin.Term.LONG);
        return;
      }
      long address = RegionFixture.addressOf(one.buffer);
      if (inUse) {
        assertThat(address).isEqualTo(one.keptAt);
      }
      one.keptAt = address;
      if (term == Pin.Term.LONG && one.kind == Kind.MOVABLE) {
        assertThat(isInRegion(address)).as("a long pin in the region").isFalse();
      }
    }

    private static void unpinIt(Expected one) {
      if (one.pin != null) {
        unpin(one.buffer, one.pin);
        one.pin = null;
      }
    }

    // ---- moves ----

    private void move(int choice) {
      List<MovableBuffer> movables = region.movables();
      if (!movables.isEmpty()) {
        MovableBuffer one = movables.get(choice % movables.size());
        Migration migration = region.migration;
        Migration.Target target =
            region.owns(one.place) ? migration::intoPool : migration::intoRegion;
        boolean busy = migration.isSeenBusy(one);
        Migration.Outcome outcome = migration.tryMove(one, one.place, target);
        assertThat(outcome == Migration.Outcome.BUSY).isEqualTo(busy);
      }
    }

    private void compact() {
      regionOf(heap).compact();
      checkPlaces();
    }

    private void tryClose() {
      if (!live.isEmpty()) {
        try {
          heap.close();
          throw new AssertionError("closed with live buffers");
        } catch (IllegalStateException e) {
          assertThat(heap.isClosed()).isFalse();
        }
      }
    }

    // ---- what must be true ----

    private boolean isInRegion(long address) {
      long start = region.start();
      return address >= start && address < start + REGION;
    }

    private void checkPlaces() {
      record Place(long address, Expected of) {}
      List<Place> places = new ArrayList<>();
      for (Expected one : live) {
        check(one);
        long address = RegionFixture.addressOf(one.buffer);
        places.add(new Place(address, one));
        if (one.kind != Kind.MOVABLE) {
          assertThat(isInRegion(address)).isEqualTo(one.kind == Kind.CONTIGUOUS);
        }
      }
      places.sort(Comparator.comparingLong(Place::address));
      for (int i = 1; i < places.size(); i++) {
        Place before = places.get(i - 1);
        assertThat(before.address + before.of.size).isLessThanOrEqualTo(places.get(i).address);
      }
    }

    private void checkAccounts() {
      HeapStatistics now = heap.statistics();
      assertThat(now.liveBuffers()).isEqualTo(live.size());
      assertThat(now.committedBytes()).isBetween(REGION, LIMIT);
      assertThat(now.peakCommittedBytes()).isLessThanOrEqualTo(LIMIT);
      assertThat(now.committedBytes()).isEqualTo(now.liveBytes() + now.idleBytes());
      assertThat(heap.info().buffers()).hasSize(live.size());
      RegionStatistics inside = regionOf(heap).statistics();
      assertThat(inside.freeBytes() + inside.movableBytes() + inside.contiguousBytes())
          .isEqualTo(REGION);
      FragmentationMap map = regionOf(heap).map();
      assertThat(map.bytes(Use.FREE)).isEqualTo(inside.freeBytes());
      assertThat(map.largestFree()).isEqualTo(inside.largestFreeBytes());
      assertThat(map.bytes(Use.CONTIGUOUS) + map.bytes(Use.LONG_PINNED))
          .isEqualTo(inside.contiguousBytes());
      assertThat(map.bytes(Use.RESERVED)).isZero();
      long contiguous =
          live.stream()
              .filter(one -> one.kind == Kind.CONTIGUOUS)
              .mapToLong(one -> SizeClasses.pages(one.size) * SizeClasses.PAGE)
              .sum();
      assertThat(inside.contiguousBytes()).isEqualTo(contiguous);
      long pinned = live.stream().filter(one -> one.pin != null).mapToLong(one -> one.size).sum();
      assertThat(now.pinnedBytes()).isGreaterThanOrEqualTo(pinned);
      assertThat(now.pinnedBytes() == 0).isEqualTo(pinned == 0);
    }
  }
}
