package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.Exporter;
import java.util.List;

/**
 * Fences of work that isn't a {@link Job}'s, added to a buffer: first where others see them, then
 * in its reservation. So whoever finds one here may rely on the others having been told.
 */
final class Published {
  private Published() {}

  /** Adds the pending leaves of a fence. The reservation isn't held. */
  static void add(BufferObject object, Fence fence, Access access) {
    List<Fence> leaves =
        Fences.unwrap(List.of(fence)).stream().filter(leaf -> !leaf.isSignaled()).toList();
    Reservation reservation = object.reservation();
    reservation.checkMayLock(); // before the exporter hears of it
    Exporter exporter = object.exporter();
    for (Fence leaf : leaves) {
      if (leaf.kind() == Fence.Kind.KERNEL) {
        exporter.publish(leaf, access);
      }
    }
    if (!leaves.isEmpty()) {
      addLocked(reservation, leaves, FenceUsage.of(access));
    }
  }

  private static void addLocked(Reservation reservation, List<Fence> leaves, FenceUsage usage) {
    reservation.lock();
    try {
      reservation.reserve(leaves.size());
      leaves.forEach(leaf -> reservation.add(leaf, usage));
    } finally {
      reservation.unlock();
    }
  }
}
