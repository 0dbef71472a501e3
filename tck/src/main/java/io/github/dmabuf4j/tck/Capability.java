package io.github.dmabuf4j.tck;

/**
 * What an exporter may or may not be able to do, by nature. A rule that only concerns exporters
 * with a capability that another one lacks doesn't apply to that one; nothing else makes a test of
 * the kit not apply. See {@link Capabilities}.
 */
public enum Capability {
  /** Its bytes can move while the buffer lives; {@link HeapUnderTest#moveAll} moves them. */
  MOVES,
  /**
   * Some of its memory is kept for what can be moved out of it; {@link
   * HeapUnderTest#buffersInRegion} counts what lies there.
   */
  CONTIGUOUS_REGION,
  /** Content that isn't needed can be dropped; {@link HeapUnderTest#purgeAll} drops it. */
  PURGES,
  /**
   * Content that is needed can be stored and its memory given up; {@link HeapUnderTest#evictAll}
   * does it, and so does the heap's {@link io.github.dmabuf4j.Shrinker} when asked with the policy
   * NORMAL, once nothing is idle and nothing can be dropped.
   */
  EVICTS,
  /**
   * Mappings that nobody uses are given up at times, to save address space or memory; {@link
   * HeapUnderTest#dropIdleMappings} does it.
   */
  DROPS_MAPPINGS,
  /** The pieces of a mapping are memory that this process can read, as a device would. */
  HOST_PIECES,
  /**
   * The CPU and devices see different bytes outside of brackets: caches that aren't coherent, or
   * bounce buffers.
   */
  SEPARATE_COPIES,
  /** The memory can be taken away during an access; {@link HeapUnderTest#revokeAll} does it. */
  REVOCABLE,
  /** There are importers that it refuses; {@link HeapUnderTest#refusedImporter} is one. */
  REFUSES_IMPORTERS,
  /**
   * Several buffers can share a reservation; {@link HeapUnderTest#allocate} makes such a buffer.
   */
  SHARED_RESERVATION,
  /**
   * A buffer's memory is free again whichever thread drops the last reference to it or signals the
   * last fence in it, and whatever has become of the thread that allocated it.
   */
  FREED_BY_ANY_THREAD,
  /** A buffer has a file descriptor that other processes can be given. */
  SHAREABLE,
  /**
   * Its exporters can be wrapped, so that the kit sees each callback and can make it fail: those
   * that {@link Subject#open} is given are put around each exporter.
   */
  OBSERVABLE
}
