package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.BufferObject.Residency;
import java.util.function.Supplier;

/** What tests of reclaim do again and again. */
final class Evictions {
  private Evictions() {}

  static <T> T locked(DmaBuf buffer, Supplier<T> body) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      return body.get();
    } finally {
      reservation.unlock();
    }
  }

  static boolean advise(DmaBuf buffer, Advice advice) {
    return locked(buffer, () -> buffer.advise(advice));
  }

  static Residency residency(DmaBuf buffer) {
    return buffer.info().residency();
  }

  static void fill(DmaBuf buffer, int value) {
    buffer.writeUninterruptibly(segment -> segment.fill((byte) value));
  }

  /** The content is what was written, all of it. */
  static void assertFilled(DmaBuf buffer, int value) {
    byte[] seen =
        buffer.readUninterruptibly(s -> s.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    assertThat(seen).containsOnly((byte) value);
  }

  /** Evicts a buffer, past the order. */
  static boolean evict(EvictableExporter exporter, TestStore store) {
    if (!exporter.object.tryBeginReclaim()) {
      return false;
    }
    try {
      return exporter.object.evictLocked(store);
    } finally {
      exporter.object.endReclaim();
    }
  }

  /** Publishes work on a buffer that hasn't ended. */
  static Fence publish(FenceContext context, DmaBuf buffer, FenceUsage usage) {
    return locked(
        buffer,
        () -> {
          buffer.reservation().reserve(1);
          Fence fence = context.newFence();
          buffer.reservation().add(fence, usage);
          return fence;
        });
  }

  /** Nothing of a use is left: only the handle's reference and that of the report. */
  static void assertNothingLeft(DmaBuf buffer) {
    assertThat(buffer.reservation().isLocked()).as("the reservation is held").isFalse();
    BufInfo.Buffer info = buffer.info();
    assertThat(info.holds()).as("holds").isZero();
    assertThat(info.pins()).as("pins").isZero();
    assertThat(info.references()).as("references").isEqualTo(2);
    assertThat(info.fences()).as("fences").isEmpty();
    assertThat(info.attachments()).as("attachments").isEmpty();
  }
}
