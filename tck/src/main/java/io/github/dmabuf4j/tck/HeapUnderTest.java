package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Reservation;

/**
 * A heap that a test uses, and what the exporter's own code does behind it when it sees fit. Each
 * of these hooks belongs to a {@link Capability}; whoever claims the capability overrides the hook,
 * with what the exporter would really do, its checks included: it is these that are tested.
 *
 * <p><b>Threads.</b> Hooks are called on any thread, also while others use the buffers, and must
 * not wait for any of them.
 */
@FunctionalInterface
public interface HeapUnderTest {
  /**
   * The heap.
   *
   * @return the same at each call
   */
  Heap heap();

  /**
   * Tries to move every buffer, as compaction would, quarantined ones included: for {@link
   * Capability#MOVES}.
   *
   * @return how many were moved
   */
  default int moveAll() {
    throw missing(Capability.MOVES, "moveAll");
  }

  /**
   * How many buffers lie in the region that only movable ones may lie in: for {@link
   * Capability#CONTIGUOUS_REGION}. A fresh buffer of 64 KiB must lie there.
   *
   * @return a count
   */
  default int buffersInRegion() {
    throw missing(Capability.CONTIGUOUS_REGION, "buffersInRegion");
  }

  /**
   * Tries to drop the content of every buffer, as a shrinker would: for {@link Capability#PURGES}.
   *
   * @return how many were dropped
   */
  default int purgeAll() {
    throw missing(Capability.PURGES, "purgeAll");
  }

  /**
   * Tries to store the content of every buffer and to give its memory up, as a shrinker would: for
   * {@link Capability#EVICTS}. What isn't needed, but is there, may be stored as well; nothing is
   * dropped.
   *
   * @return how many were evicted
   */
  default int evictAll() {
    throw missing(Capability.EVICTS, "evictAll");
  }

  /**
   * Gives up every idle mapping, as its cache would: for {@link Capability#DROPS_MAPPINGS}.
   *
   * @return how many were given up
   */
  default int dropIdleMappings() {
    throw missing(Capability.DROPS_MAPPINGS, "dropIdleMappings");
  }

  /**
   * Takes the memory of every buffer away, at once: for {@link Capability#REVOCABLE}.
   *
   * @throws Exception if it can't be done: the test fails
   */
  default void revokeAll() throws Exception {
    throw missing(Capability.REVOCABLE, "revokeAll");
  }

  /**
   * An importer that the exporter refuses: for {@link Capability#REFUSES_IMPORTERS}.
   *
   * @return the importer
   */
  default Importer refusedImporter() {
    throw missing(Capability.REFUSES_IMPORTERS, "refusedImporter");
  }

  /**
   * Allocates a buffer that shares a reservation with others: for {@link
   * Capability#SHARED_RESERVATION}.
   *
   * @param size bytes, at least 1
   * @param shared the reservation
   * @return the first handle of a new buffer
   */
  default DmaBuf allocate(long size, Reservation shared) {
    throw missing(Capability.SHARED_RESERVATION, "allocate");
  }

  private static UnsupportedOperationException missing(Capability capability, String hook) {
    return new UnsupportedOperationException(
        "the row claims %s, so HeapUnderTest.%s must be overridden".formatted(capability, hook));
  }
}
