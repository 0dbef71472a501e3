package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.SwapStore;

/**
 * Where the content of an evicted buffer is.
 *
 * @param store who has it
 * @param ticket what to get it back by
 */
record EvictedContent(SwapStore store, SwapStore.Ticket ticket) {
  /** What it takes in the store. */
  long storedBytes() {
    return ticket.storedBytes();
  }

  /** Frees its room. */
  void discard() {
    store.discard(ticket);
  }
}
