package io.github.dmabuf4j.spi;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Where evicted content goes: compressed memory, a file ({@code zram}, {@code swap}). A heap opens
 * one by a {@link SwapStoreProvider} and closes it with itself. The module {@code
 * io.github.dmabuf4j.swap} has both.
 *
 * <p>Called during reclaim, with the reservation of the buffer held: it takes no reservation, waits
 * for no fence, and takes memory from its own {@link SwapMemory} alone (design rule SH5). It may
 * refuse.
 *
 * <p><b>Threads.</b> Any, several at once; each ticket is used by one thread at a time, beside
 * which {@link #age} may move what is behind it. An interrupt must neither end what is stored nor
 * what is on its way.
 *
 * <p><b>After the close</b> storing and loading are an {@link IllegalStateException}, and all else
 * does nothing; whoever is at it when the store is closed gets done first, or the exception.
 *
 * <p>Source: mm/page_io.c, drivers/block/zram; rule CG12, design rules SH2, SH5.
 */
public interface SwapStore extends AutoCloseable {
  /** What was stored, to get it back by. */
  interface Ticket {
    /**
     * What it takes, of memory or of a file, now: it changes when {@link SwapStore#age} moves it.
     *
     * @return bytes; 0 for content that needs none, such as zeros, and after {@link
     *     SwapStore#discard}
     */
    long storedBytes();
  }

  /**
   * Stores content. A disk that is full or can't be written to is no room, and no exception.
   *
   * @param content the bytes, native memory of at least 1 byte, valid during the call, which nobody
   *     changes meanwhile
   * @return a ticket; or null if there is no room, or storing would save too little: the buffer
   *     then stays where it is
   * @throws IllegalArgumentException if the content isn't native memory
   * @throws IllegalStateException if the store is closed
   */
  @Nullable Ticket store(MemorySegment content);

  /**
   * Brings content back exactly. It stays stored until it is discarded, so that what failed can be
   * tried again.
   *
   * @param ticket what {@link #store} gave
   * @param target where to, native memory of the size of what was stored; undefined if this fails
   * @throws io.github.dmabuf4j.DmaBufException if it can't be read, or the store is damaged: a
   *     checksum doesn't match
   * @throws IllegalArgumentException if the target has another size or isn't native memory, or the
   *     ticket is another store's
   * @throws IllegalStateException if the ticket was discarded or the store is closed
   */
  void load(Ticket ticket, MemorySegment target);

  /**
   * Frees the room of content that nobody needs any more; again does nothing. Never fails. May run
   * on a thread that is signaling a fence: it doesn't wait for input or output. If {@link #age} is
   * moving the content just now, its room is free when that has ended.
   *
   * @param ticket what {@link #store} gave; of no use afterwards
   */
  void discard(Ticket ticket);

  /**
   * Moves on what has been here for long: to a codec that takes more time and less room, or to a
   * file. Called by the heap about once per second, without any lock, on a thread that may wait for
   * input and output; it takes a fraction of a second. What can't be moved stays where it is.
   * Nothing by default.
   */
  default void age() {}

  /**
   * Drops everything, and gives all memory back. What was stored can't be loaded any more. Waits
   * for whoever is storing or loading, perhaps for input and output. Closing again does nothing.
   */
  @Override
  void close();
}
