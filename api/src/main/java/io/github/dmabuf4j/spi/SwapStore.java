package io.github.dmabuf4j.spi;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Where evicted content goes: compressed memory, a file ({@code zram}, {@code swap}).
 *
 * <p><b>Shape.</b> This type fixes the contract; no implementation is shipped yet.
 *
 * <p>Called during reclaim: it allocates only from its own reserve (design rule SH5), and may
 * refuse.
 *
 * <p><b>Threads.</b> Any; each ticket is used by one thread at a time.
 */
public interface SwapStore extends AutoCloseable {
  /** What was stored, to get it back by. */
  interface Ticket {
    /**
     * What it takes in the store.
     *
     * @return bytes
     */
    long storedBytes();
  }

  /**
   * Stores content.
   *
   * @param content the bytes, valid during the call
   * @return a ticket, or null if there is no room: the buffer then stays where it is
   */
  @Nullable Ticket store(MemorySegment content);

  /**
   * Brings content back exactly and frees its room.
   *
   * @param ticket what {@link #store} gave
   * @param target where to, of the same size
   * @throws io.github.dmabuf4j.DmaBufException if the store is damaged: a checksum doesn't match
   */
  void load(Ticket ticket, MemorySegment target);

  /**
   * Frees the room of content that nobody needs any more.
   *
   * @param ticket what {@link #store} gave
   */
  void discard(Ticket ticket);

  /** Drops everything. */
  @Override
  void close();
}
