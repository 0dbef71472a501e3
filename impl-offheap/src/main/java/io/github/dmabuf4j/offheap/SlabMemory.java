package io.github.dmabuf4j.offheap;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Where slabs come from: the operating system, the JDK where this module knows no better, or a
 * {@link io.github.dmabuf4j.spi.PoolingStrategy}. Its methods are called without the locks of a
 * pool unless they say so, on slow paths only.
 */
interface SlabMemory {
  /**
   * A piece of address space.
   *
   * @param segment all of it, not to be used once the arena is closed
   * @param arena closing it gives memory and address space back; fails, and changes nothing, while
   *     native code that was given a segment of it is running
   * @param isZero whether its bytes are known to be zero at first
   */
  record Region(MemorySegment segment, Arena arena, boolean isZero) {
    /** Of bytes that are zero. */
    Region(MemorySegment segment, Arena arena) {
      this(segment, arena, true);
    }

    long address() {
      return segment.address();
    }
  }

  /** What it is, in a few words, for reports. */
  String summary();

  /**
   * The unit in which memory goes back to the operating system, a power of two, at least {@link
   * SizeClasses#PAGE}.
   */
  long pageSize();

  /** The largest alignment that {@link #map} serves, a power of two. */
  long maxAlignment();

  /**
   * The largest block, in bytes, that shares a region with others, which takes that memory goes
   * back page by page; 0 where each block has one of its own.
   */
  long largestShared();

  /**
   * Whether it pools what it gives: then the pool keeps nothing idle, each block has a region of
   * its own, and that is closed when the block is released. {@link #map} is called without the lock
   * of the slabs then.
   */
  default boolean poolsItself() {
    return false;
  }

  /** Gives back what it keeps idle itself: how many bytes went back to the operating system. */
  default long trim() {
    return 0;
  }

  /** What is to be said of it in the description of a heap: empty, or as a subordinate clause. */
  default String state() {
    return "";
  }

  /**
   * Whether it counts as the JVM's direct memory, which has a limit of its own; true where that
   * isn't known.
   */
  default boolean isDirectMemory() {
    return true;
  }

  /** The pool has ended: nothing of it is in use. Never fails. */
  default void close() {}

  /**
   * Takes address space, and memory at the first touch of each page if blocks share regions.
   *
   * @param bytes how much, a multiple of {@link SizeClasses#PAGE}
   * @param alignment of the first byte, a power of two, at most {@link #maxAlignment()}
   * @param shared whether blocks will share it: then no page may bring in others with it
   * @throws SlabMemoryException if there is none
   */
  Region map(long bytes, long alignment, boolean shared) throws SlabMemoryException;

  /**
   * Gives pages back to the operating system. They are zero afterwards. Called with or without the
   * lock of the slabs, by whoever has the pages.
   *
   * @param region what they are a part of
   * @param offset of the first byte, a multiple of {@link #pageSize()}
   * @param bytes how many, a multiple of {@link #pageSize()}
   * @return false if the operating system refused: the pages are as they were
   */
  boolean decommit(Region region, long offset, long bytes);
}
