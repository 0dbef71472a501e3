package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ContiguousRegion;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.benchmarks.report.CompactedRegion;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A heap with a contiguous region of 64 MiB, in which movable buffers of 4 to 128 KiB lie with
 * holes between them, the same at each run. Beside the region the heap has 8 MiB, for buffers that
 * are moved out.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class FragmentedRegion implements AutoCloseable {
  private static final long MIB = 1L << 20;
  private static final long REGION = 64 * MIB;
  private static final long BESIDE = 8 * MIB;
  private static final int LARGEST_PAGES = 32;
  private static final long PAGE = 4096;

  private final Heap heap =
      Heaps.open(
          "offheap:system?limit=%d&contiguous=%d&decay=1h".formatted(REGION + BESIDE, REGION));
  private final ContiguousRegion region = heap.contiguousRegion().orElseThrow();
  private final List<DmaBuf> movables = new ArrayList<>();
  private final Random dice = new Random(1);
  private final int percent;
  private final long start;

  /**
   * Opens it.
   *
   * @param percent how much of the region movable buffers have
   */
  FragmentedRegion(int percent) throws InterruptedException {
    this.percent = percent;
    try (DmaBuf all = region.allocateContiguous(AllocationRequest.of(REGION).build());
        Hold hold = all.hold()) {
      start = hold.address();
    }
    scatter();
  }

  /** Fills the region up to small holes. */
  private void fill() {
    long largest = LARGEST_PAGES * PAGE;
    // Movable buffers are placed in the region while that has most of what is free.
    try (DmaBuf _ = heap.allocate(BESIDE - largest)) {
      while (region.statistics().largestFreeBytes() >= largest) {
        movables.add(movable(PAGE * (1 + dice.nextInt(LARGEST_PAGES))));
      }
    }
    long _ = heap.trim();
  }

  private DmaBuf movable(long size) {
    return heap.allocateUninterruptibly(
        AllocationRequest.of(size).movable().uninitialized().build());
  }

  ContiguousRegion region() {
    return region;
  }

  /**
   * Makes the region as full as it was to be, with holes all over it: buffers that were moved out
   * are closed, the region is filled, and as many buffers are closed as are too many, at random.
   */
  void scatter() {
    for (int i = movables.size() - 1; i >= 0; i--) {
      if (!isInRegion(movables.get(i))) {
        close(i);
      }
    }
    if (percent > 0) {
      fill();
    }
    while (region.statistics().movableBytes() > REGION * percent / 100) {
      close(dice.nextInt(movables.size()));
    }
  }

  private void close(int which) {
    DmaBuf last = movables.removeLast();
    (which == movables.size() ? last : movables.set(which, last)).close();
  }

  private boolean isInRegion(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return hold.address() >= start && hold.address() < start + REGION;
    }
  }

  /**
   * Moves the buffers of a region that is 70 % full together, while one in a hundred is pinned.
   *
   * @return what lay where before and afterwards
   */
  static CompactedRegion compacted() throws InterruptedException {
    try (FragmentedRegion scene = new FragmentedRegion(70)) {
      List<DmaBuf> pinned = new ArrayList<>();
      for (int i = 0; i < scene.movables.size(); i += 100) {
        pinned.add(scene.movables.get(i));
      }
      List<Pin> pins = pinned.stream().map(FragmentedRegion::pin).toList();
      var before = scene.region.map();
      long moved = scene.region.compact();
      var after = scene.region.map();
      for (int i = 0; i < pins.size(); i++) {
        unpin(pinned.get(i), pins.get(i));
      }
      return new CompactedRegion(
          "A region that is 70 % full of movable buffers, one in a hundred of them pinned",
          moved, before, after);
    }
  }

  private static Pin pin(DmaBuf buffer) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      return buffer.pin(Pin.Term.SHORT);
    } finally {
      reservation.unlock();
    }
  }

  private static void unpin(DmaBuf buffer, Pin pin) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      pin.close();
    } finally {
      reservation.unlock();
    }
  }

  /** Fails if something is left. */
  @Override
  public void close() {
    movables.forEach(DmaBuf::close);
    heap.close();
  }
}
