package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.spi.SwapStore;
import org.jspecify.annotations.Nullable;

/**
 * A ticket of a {@link SlicedStore}. It stays the same while its content is moved on.
 *
 * <p><b>Invariant.</b> Content is freed once, and while nobody reads it:
 *
 * <ul>
 *   <li>{@code content} is replaced only by the end of a move that nobody discarded or loaded
 *       meanwhile; what it replaces is then read by nobody, for a load that begins later sees the
 *       new one.
 *   <li>After a discard nothing begins. What is left is freed by the discard if nobody is at it,
 *       else by whoever ends last.
 *   <li>There is at most one move at a time.
 * </ul>
 *
 * <p><b>Guard.</b> All but {@code usedAt} by the monitor, which is held for a few instructions:
 * whoever discards never waits for input or output. What is to be freed is returned, and freed
 * without it.
 */
final class StoredTicket implements SwapStore.Ticket {
  private final SlicedStore store;
  private long usedAt;
  private @Nullable StoredContent content;
  private int loads;
  private boolean moving;
  private boolean discarded;

  /**
   * Creates a ticket.
   *
   * @param store whose it is
   * @param content what was stored
   * @param usedAt when, by the store's clock
   */
  StoredTicket(SlicedStore store, StoredContent content, long usedAt) {
    this.store = store;
    this.content = content;
    this.usedAt = usedAt;
  }

  SlicedStore store() {
    return store;
  }

  /** When it was stored, or seen in use, by the store's clock; guarded by the {@link Shelf}. */
  long usedAt() {
    return usedAt;
  }

  /** Notes that it was seen in use; called by the {@link Shelf}. */
  void usedAt(long now) {
    usedAt = now;
  }

  @Override
  public synchronized long storedBytes() {
    StoredContent now = content;
    return now == null ? 0 : now.storedBytes();
  }

  /** What is stored now: for tests. */
  synchronized @Nullable StoredContent content() {
    return content;
  }

  /** Begins a load: what to read until {@link #endLoad}, or null after a discard. */
  synchronized @Nullable StoredContent beginLoad() {
    if (discarded) {
      return null;
    }
    loads++;
    return content;
  }

  /** Ends a load: what to free now, or null. */
  synchronized @Nullable StoredContent endLoad() {
    loads--;
    return takeIfUnused();
  }

  /** Begins a move: what to read until {@link #endMove}; null if it is used or gone. */
  synchronized @Nullable StoredContent beginMove() {
    if (discarded || moving || loads > 0) {
      return null;
    }
    moving = true;
    return content;
  }

  /**
   * Ends a move. Whoever calls this frees what {@link #takeIfUnused} gives as well: after a discard
   * both contents go.
   *
   * @param moved what the content is to be from now on; null if the move came to nothing
   * @return what to free now, the old content or the new one; null if nothing
   */
  synchronized @Nullable StoredContent endMove(@Nullable StoredContent moved) {
    moving = false;
    if (moved == null || loads > 0) {
      return moved; // somebody reads the old content, which isn't old then
    }
    StoredContent old = content;
    content = moved;
    return old;
  }

  /** Ends it all: what to free now, or null if somebody is at it or it was discarded before. */
  synchronized @Nullable StoredContent discard() {
    discarded = true;
    return takeIfUnused();
  }

  /** The content, taken out, if it was discarded and nobody is at it. */
  synchronized @Nullable StoredContent takeIfUnused() {
    if (!discarded || moving || loads > 0) {
      return null;
    }
    StoredContent last = content;
    content = null;
    return last;
  }
}
