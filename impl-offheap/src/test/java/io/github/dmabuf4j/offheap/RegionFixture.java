package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ContiguousRegion;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/** Buffers in a contiguous region, for tests. */
final class RegionFixture {
  private RegionFixture() {}

  static DmaBuf movable(PooledHeap heap, long size) {
    return heap.allocateUninterruptibly(AllocationRequest.of(size).movable().build());
  }

  static ContiguousRegion regionOf(PooledHeap heap) {
    return heap.contiguousRegion().orElseThrow();
  }

  static AllocationRequest request(long size, AllocPolicy policy) {
    return AllocationRequest.of(size).policy(policy).build();
  }

  static long addressOf(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return hold.address();
    }
  }

  static void fill(DmaBuf buffer, int value) {
    try (Hold hold = buffer.hold()) {
      hold.segment().fill((byte) value);
    }
  }

  static void assertFilled(DmaBuf buffer, int value) {
    try (Hold hold = buffer.hold()) {
      for (long at = 0; at < buffer.size(); at += 509) {
        assertThat(hold.segment().get(ValueLayout.JAVA_BYTE, at)).isEqualTo((byte) value);
      }
      assertThat(hold.segment().get(ValueLayout.JAVA_BYTE, buffer.size() - 1))
          .isEqualTo((byte) value);
    }
  }

  static Pin pin(DmaBuf buffer, Pin.Term term) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      return buffer.pin(term);
    } finally {
      reservation.unlock();
    }
  }

  static void unpin(DmaBuf buffer, Pin pin) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      pin.close();
    } finally {
      reservation.unlock();
    }
  }

  /** A movable buffer that lies in the region, if it has room, and all others, too. */
  static DmaBuf inRegion(PooledHeap heap, long size) {
    DmaBuf buffer = movable(heap, size);
    ReservedRegion region = Objects.requireNonNull(heap.pool.region);
    for (MovableBuffer one : region.movables()) {
      if (!region.owns(one.place)) {
        var _ = region.migration.tryMove(one, one.place, region.migration::intoRegion);
      }
    }
    return buffer;
  }

  /** Movable buffers that fill the region, in the order of addresses, filled with their numbers. */
  static List<DmaBuf> fillRegion(PooledHeap heap, long size) {
    List<DmaBuf> buffers = new ArrayList<>();
    while (regionOf(heap).statistics().freeBytes() >= size) {
      buffers.add(inRegion(heap, size));
    }
    buffers.sort(Comparator.comparingLong(RegionFixture::addressOf));
    for (int i = 0; i < buffers.size(); i++) {
      fill(buffers.get(i), i);
    }
    return buffers;
  }

  static void assertAllFilled(List<DmaBuf> buffers) {
    for (int i = 0; i < buffers.size(); i++) {
      assertFilled(buffers.get(i), i);
    }
  }
}
