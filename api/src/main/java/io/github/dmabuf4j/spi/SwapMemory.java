package io.github.dmabuf4j.spi;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Memory of a heap for its {@link SwapStore}: it counts against the limit of the heap (design rule
 * AL9), part of which is kept free for this, so that there is some when everything else is taken
 * (design rule SH5). A store gets half of the limit at most.
 *
 * <p><b>Threads.</b> Any; a piece is used and closed by one thread at a time.
 */
public interface SwapMemory {
  /** A piece of memory, until it is closed. */
  interface Piece extends AutoCloseable {
    /**
     * Where it is.
     *
     * @return native memory of the size that was asked for, of any content, for every thread
     */
    MemorySegment segment();

    /** Gives it back. Nobody uses its segment any more. Closing again does nothing. */
    @Override
    void close();
  }

  /**
   * Takes a piece. Never reclaims, waits for nobody but those who are at it for a moment.
   *
   * @param bytes how large, at least 1; what it takes is rounded up to whole pages, and wastes up
   *     to 12.5 % above that
   * @return the piece; null if there is no room
   */
  @Nullable Piece allocate(long bytes);
}
