package io.github.dmabuf4j.spi;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Where evicted content goes: compressed memory, a file ({@code zram}, {@code swap}). A heap opens
 * one by a {@link SwapStoreProvider} and closes it with itself.
 *
 * <p>Called during reclaim, with the reservation of the buffer held: it takes no reservation, waits
 * for no fence, and takes memory from its own {@link SwapMemory} alone (design rule SH5). It may
 * refuse.
 *
 * <p><b>Threads.</b> Any, several at once; each ticket is used by one thread at a time. An
 * interrupt must neither end what is stored nor what is on its way.
 *
 * <p>Source: mm/page_io.c, drivers/block/zram; rule CG12, design rules SH2, SH5.
 */
public interface SwapStore extends AutoCloseable {
  /** What was stored, to get it back by. */
  interface Ticket {
    /**
     * What it takes, of memory or of a file.
     *
     * @return bytes
     */
    long storedBytes();
  }

  /**
   * Stores content.
   *
   * @param content the bytes, valid during the call, which nobody changes meanwhile
   * @return a ticket; or null if there is no room, or storing would save too little: the buffer
   *     then stays where it is
   */
  @Nullable Ticket store(MemorySegment content);

  /**
   * Brings content back exactly. It stays stored until it is discarded, so that what failed can be
   * tried again.
   *
   * @param ticket what {@link #store} gave
   * @param target where to, of the size of what was stored; undefined if this fails
   * @throws io.github.dmabuf4j.DmaBufException if it can't be read, or the store is damaged: a
   *     checksum doesn't match
   */
  void load(Ticket ticket, MemorySegment target);

  /**
   * Frees the room of content that nobody needs any more. Never fails. May run on a thread that is
   * signaling a fence: it doesn't wait for input or output.
   *
   * @param ticket what {@link #store} gave; of no use afterwards
   */
  void discard(Ticket ticket);

  /**
   * Moves on what has been here for long: to a codec that takes more time and less room, or to a
   * file. Called by the heap about once per second, without any lock. Nothing by default.
   */
  default void age() {}

  /** Drops everything. What was stored can't be loaded any more. Closing again does nothing. */
  @Override
  void close();
}
