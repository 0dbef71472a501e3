package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.SwapStore;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where the content of an evicted buffer is: a store, and the ticket to get it back by, which is
 * discarded once.
 *
 * <p><b>Threads.</b> Everything with the buffer's reservation, or at its release; {@link
 * #storedBytes} on any thread, for as long as the buffer has its place in a line.
 */
final class EvictedContent {
  private final SwapStore store;
  private SwapStore.@Nullable Ticket ticket;

  /** Nothing yet. Made before anything is stored, for the Java heap may be full. */
  EvictedContent(SwapStore store) {
    this.store = store;
  }

  /** Stores content, unless the store refuses. */
  void store(MemorySegment content) {
    ticket = store.store(content);
  }

  /** Whether the store has it. */
  boolean isStored() {
    return ticket != null;
  }

  /** Brings it back. It stays stored. */
  void load(MemorySegment target) {
    store.load(Objects.requireNonNull(ticket, "nothing is stored"), target);
  }

  /** What it takes in the store. */
  long storedBytes() {
    SwapStore.Ticket present = ticket;
    return present == null ? 0 : present.storedBytes();
  }

  /**
   * Frees its room. Never fails: a store that breaks its promise must not keep a buffer from coming
   * back, nor from its release.
   */
  void discard() {
    SwapStore.Ticket present = ticket;
    if (present == null) {
      return;
    }
    ticket = null;
    try {
      store.discard(present);
    } catch (Throwable e) { // what it holds now is its own affair
      System.getLogger(EvictedContent.class.getName())
          .log(Level.ERROR, store + " failed to discard what it had stored", e);
    }
  }
}
