package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * What reclaim knows of a buffer that a {@link BufferLru} finds when memory is short: where it is
 * in the lines of that, and when it was used.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>usedAt</td><td>opaque</td><td>opaque</td><td>none: whoever writes last was the last to use it</td></tr>
 * <tr><td>piece, slot, placedAt</td><td>plain</td><td>plain</td><td>the lock of the {@link BufferLru}</td></tr>
 * </table>
 */
final class FollowedState extends ReclaimState {
  private static final VarHandle USED_AT;

  static {
    try {
      USED_AT = MethodHandles.lookup().findVarHandle(FollowedState.class, "usedAt", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final BufferObject object;
  private final BufferLru lru;

  /** Where it is in its line; null if it is in none. */
  @Nullable LruPiece piece;

  /** Where it is in its piece. */
  byte slot;

  /** What {@link #usedAt} was when it came to its place in the line; see {@link LruPiece}. */
  long placedAt;

  @SuppressWarnings("UnusedVariable") // read by its VarHandle
  private long usedAt;

  FollowedState(BufferObject object, BufferLru lru) {
    this.object = object;
    this.lru = lru;
  }

  // ---- for the lines; with the lock of the BufferLru ----

  /** When it was used last, by the clock of its {@link BufferLru}. */
  long usedAt() {
    return (long) USED_AT.getOpaque(this);
  }

  void setUsedAt(long now) {
    USED_AT.setOpaque(this, now);
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

  // ---- for the buffer ----

  @Override
  void changed() {
    lru.place(this);
  }

  @Override
  void used() {
    lru.used(this);
  }

  @Override
  void cameBack() {
    lru.place(this);
    lru.restored(object.size());
  }

  @Override
  void wasStored() {
    lru.place(this);
    lru.evicted(object.size());
  }

  @Override
  void wasDropped(long bytes) {
    lru.place(this);
    lru.purged(bytes);
  }

  @Override
  void wasRefused() {
    lru.refused();
  }

  @Override
  @Nullable ReclaimState released() {
    lru.forget(this);
    if (!lru.followsAll()) {
      return null;
    }
    dontNeed = false;
    purged = false;
    evicted = null;
    return this;
  }
}
