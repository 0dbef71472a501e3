package io.github.dmabuf4j.swap;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Where stored bytes can be: in memory of the heap, or in a file.
 *
 * <p><b>Threads.</b> Any, several at once. Nothing here is used after {@link #close}; the {@link
 * SlicedStore} sees to that.
 */
interface Room extends AutoCloseable {
  /** Bytes that were put somewhere, until they are freed. */
  interface Place {
    /** How many were put there. */
    int bytes();

    /** What they take there: whole pages. */
    long storedBytes();

    /** The bytes themselves where they lie in memory, else null. */
    @Nullable MemorySegment inMemory();

    /**
     * Reads them.
     *
     * @param target where to, as large as what was put
     * @throws io.github.dmabuf4j.DmaBufException if they can't be read, or aren't what was put
     */
    void read(MemorySegment target);

    /** Gives the room back: waits for no input or output, and never fails. Once. */
    void free();
  }

  /**
   * Puts bytes somewhere.
   *
   * @param bytes at most {@link Slices#LONGEST_CHUNK}
   * @return where they are; null if there is no room
   */
  @Nullable Place put(MemorySegment bytes);

  /** Ends it, with whatever still is there. */
  @Override
  void close();
}
