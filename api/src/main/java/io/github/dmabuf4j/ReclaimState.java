package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * What reclaim knows of one buffer, beside the buffer itself: most have none, because nobody
 * offered them and their heap has no store. A buffer without it is resident and needed.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>dontNeed, purged, evicted</td><td>plain; racy for reports</td><td>plain</td><td>the buffer's reservation; at release nobody
 *   else is left</td></tr>
 * <tr><td>usedAt</td><td>opaque</td><td>opaque</td><td>none: whoever writes last was the last to use it</td></tr>
 * <tr><td>piece, slot, placedAt</td><td>plain</td><td>plain</td><td>the lock of the {@link BufferLru}</td></tr>
 * </table>
 */
final class ReclaimState {
  private static final VarHandle USED_AT;

  static {
    try {
      USED_AT = MethodHandles.lookup().findVarHandle(ReclaimState.class, "usedAt", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final BufferObject object;

  /** Who finds it when memory is short; null if its exporter sees to that. */
  final @Nullable BufferLru lru;

  /** Whether {@link Advice#DONT_NEED} was said last. */
  boolean dontNeed;

  /** Whether its content was dropped. */
  boolean purged;

  /** Where its content is, if that is in a store. */
  @Nullable EvictedContent evicted;

  /** Where it is in its line; null if it is in none. */
  @Nullable LruPiece piece;

  /** Where it is in its piece. */
  byte slot;

  /** What {@link #usedAt} was when it came to its place in the line; see {@link LruPiece}. */
  long placedAt;

  @SuppressWarnings("UnusedVariable") // read by its VarHandle
  private long usedAt;

  ReclaimState(BufferObject object, @Nullable BufferLru lru) {
    this.object = object;
    this.lru = lru;
  }

  /** Where the content is. */
  BufferObject.Residency residency() {
    if (purged) {
      return BufferObject.Residency.PURGED;
    }
    return evicted == null ? BufferObject.Residency.RESIDENT : BufferObject.Residency.EVICTED;
  }

  /** Notes that it was passed by, if it came to its place before. */
  void placedNotBefore(long passedAt) {
    placedAt = Math.max(placedAt, passedAt);
  }

  /** The line that it is in. */
  @Nullable LruLine line() {
    LruPiece present = piece;
    return present == null ? null : present.line;
  }

  /** When it was used last, by the clock of its {@link BufferLru}. */
  long usedAt() {
    return (long) USED_AT.getOpaque(this);
  }

  void setUsedAt(long now) {
    USED_AT.setOpaque(this, now);
  }
}
