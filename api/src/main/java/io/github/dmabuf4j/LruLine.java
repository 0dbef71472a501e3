package io.github.dmabuf4j;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Buffers in the order of their last use ({@code struct drm_gem_lru}), the least recent first, kept
 * without a lock in the way of those who use them: a use only writes down when it was.
 *
 * <p><b>Invariant.</b> Each was placed at a time, when it came, or was passed by, or at a use that
 * {@link #settle} found; from the head to the tail this doesn't fall. So if the head wasn't used
 * since, nobody in the line was used before it: it is the least recently used of all. If it was,
 * {@code settle} puts it where it belongs. A use and a scan that passes the same buffer by may note
 * their times in the other order than they asked the clock; the later time counts, or that of the
 * use: both are after the scan began.
 *
 * <p>They stand in pieces of up to {@link LruPiece#CAPACITY}, which are linked. Of two neighbours
 * one or both are well filled: together they have more than {@link LruPiece#FEW} members, so the
 * pieces are never much more than the buffers need. One that comes or leaves moves a few others now
 * and then, in a time that doesn't grow with the line; a scan that passes by all of a piece moves
 * none.
 *
 * <p><b>Threads.</b> All methods with the lock of the {@link BufferLru}.
 *
 * <p>Source: drm_gem_lru in drivers/gpu/drm/drm_gem.c; rules CG7, CG8, design rule SH6.
 */
final class LruLine {
  private static final Comparator<Use> OLDEST_FIRST = Comparator.comparingLong(Use::at);

  /** When one was used last: read once, for it may grow meanwhile. */
  private record Use(FollowedState state, long at) {}

  private final LruPieces pieces;
  private @Nullable LruPiece head;
  private @Nullable LruPiece tail;

  /**
   * Without buffers.
   *
   * @param pieces what it is made of; who comes into the line has joined them
   */
  LruLine(LruPieces pieces) {
    this.pieces = pieces;
  }

  // ---- for scans ----

  /**
   * Passes the first ones by that are seen to be busy, a piece at a time: they count as used now.
   *
   * @param began only those that were placed before
   * @return false if one of the next seems idle, or none is left
   */
  boolean passBusy(long began, long now) {
    LruPiece first = head;
    if (first == null || first.lastPlacedAt() >= began || !first.isSeenBusy() || !toTail(first)) {
      return false;
    }
    first.passBy(now);
    return true;
  }

  /**
   * The least recently used, in order; they stay in the line. None is missed because somebody uses
   * another meanwhile: there are some as long as anybody in the line wasn't used since.
   *
   * @param into as many as it has room for, and are in one piece
   * @param began only those that were used before
   * @return how many
   */
  int oldest(FollowedState[] into, long began) {
    int count = 0;
    while (count == 0) {
      settle();
      LruPiece first = head;
      if (first == null || first.firstPlacedAt() >= began) {
        return 0;
      }
      count = oldest(first, into, began);
    }
    return count;
  }

  private static int oldest(LruPiece piece, FollowedState[] into, long began) {
    int count = 0;
    for (int slot = 0; slot < LruPiece.CAPACITY && count < into.length; slot++) {
      FollowedState next = piece.at(slot);
      if (next != null) {
        long placedAt = piece.placedAt(next);
        if (placedAt >= began || next.usedAt() > placedAt) {
          break;
        }
        into[count++] = next;
      }
    }
    return count;
  }

  /**
   * Puts those at the tail, as used now, that {@link #oldest} found, but for those that left the
   * line or came to another place by a use since.
   *
   * @param began what was used before
   */
  void passBy(FollowedState[] tried, int count, long began, long now) {
    LruPiece first = head;
    if (first != null && isAllOf(first, tried, count, began) && toTail(first)) {
      first.passBy(now);
      return;
    }
    for (int i = 0; i < count; i++) {
      FollowedState state = tried[i];
      LruPiece piece = state.piece;
      if (piece != null && piece.line == this && piece.placedAt(state) < began) {
        remove(state);
        append(state, now);
      }
    }
  }

  private static boolean isAllOf(LruPiece piece, FollowedState[] tried, int count, long began) {
    if (piece.members() != count) {
      return false;
    }
    for (int i = 0; i < count; i++) {
      if (tried[i].piece != piece || piece.placedAt(tried[i]) >= began) {
        return false;
      }
    }
    return true;
  }

  /** Moves the first piece behind the last, if those two aren't so small that they'd be one. */
  private boolean toTail(LruPiece first) {
    LruPiece last = tail;
    if (last == null || last == first) {
      return true;
    }
    if (last.members() + first.members() <= LruPiece.FEW) {
      return false;
    }
    unlink(first);
    link(first, last);
    return true;
  }

  /** Adds up what the buffers of the line have of something. */
  long sum(ToLongFunction<FollowedState> amount) {
    long sum = 0;
    for (LruPiece piece = head; piece != null; piece = piece.after) {
      for (int slot = 0; slot < LruPiece.CAPACITY; slot++) {
        FollowedState state = piece.at(slot);
        sum += state == null ? 0 : amount.applyAsLong(state);
      }
    }
    return sum;
  }

  // ---- for those who come and leave ----

  /** Puts one at the tail that is in no line, as used now. */
  void append(FollowedState state, long now) {
    state.setUsedAt(now);
    state.placedAt = now;
    LruPiece _ = addLast(state);
  }

  private LruPiece addLast(FollowedState state) {
    LruPiece last = tail;
    if (last == null || !last.makeRoom()) { // with more than a few members, or there was room
      LruPiece fresh = pieces.take();
      link(fresh, last);
      last = fresh;
    }
    last.add(state);
    return last;
  }

  /** Takes one out that is in this line. */
  void remove(FollowedState state) {
    LruPiece piece = state.piece;
    if (piece == null) {
      throw new AssertionError("in no line");
    }
    piece.remove(state);
    if (piece.members() == 0) {
      drop(piece); // its neighbours are well filled, for it had one
    } else if (!unite(piece.before, piece)) {
      boolean _ = unite(piece, piece.after);
    }
  }

  /** Makes one piece of two neighbours, if both have few. */
  private boolean unite(@Nullable LruPiece one, @Nullable LruPiece next) {
    if (one == null || next == null || one.members() + next.members() > LruPiece.FEW) {
      return false;
    }
    one.takeAll(next);
    drop(next);
    return true;
  }

  // ---- order ----

  /**
   * Brings those at the head that were used since they were placed to where they belong. Then the
   * head is the least recently used, until somebody uses it.
   */
  private void settle() {
    List<Use> moving = usedAtHead();
    if (moving.isEmpty()) {
      return;
    }
    moving.sort(OLDEST_FIRST);
    for (int i = 0; i < moving.size(); i++) { // nothing is allocated from here on
      remove(moving.get(i).state);
    }
    LruPiece place = tail; // what was used lately belongs near it
    for (int i = 0; i < moving.size(); i++) {
      Use one = moving.get(i);
      one.state.placedAt = one.at;
      place = insert(one.state, place);
    }
  }

  private List<Use> usedAtHead() {
    List<Use> moving = new ArrayList<>();
    for (LruPiece piece = head; piece != null; piece = piece.after) {
      for (int slot = 0; slot < LruPiece.CAPACITY; slot++) {
        FollowedState state = piece.at(slot);
        if (state != null) {
          long usedAt = state.usedAt();
          if (usedAt <= piece.placedAt(state)) {
            return moving;
          }
          moving.add(new Use(state, usedAt));
        }
      }
    }
    return moving;
  }

  /**
   * Puts one where its {@code placedAt} belongs.
   *
   * @param near where to look first; null if the line is empty
   * @return where it is
   */
  private LruPiece insert(FollowedState state, @Nullable LruPiece near) {
    LruPiece last = tail;
    if (near == null || last == null || last.lastPlacedAt() <= state.placedAt) {
      return addLast(state);
    }
    LruPiece place = near;
    while (place.before != null && place.firstPlacedAt() > state.placedAt) {
      place = place.before;
    }
    while (place.after != null && place.after.firstPlacedAt() <= state.placedAt) {
      place = place.after;
    }
    if (place.makeRoom()) {
      place.insert(state);
      return place;
    }
    return insertParting(state, place);
  }

  private LruPiece insertParting(FollowedState state, LruPiece full) {
    LruPiece half = pieces.take();
    link(half, full);
    full.giveHalf(half);
    boolean late = half.firstPlacedAt() <= state.placedAt;
    (late ? half : full).insert(state);
    boolean _ = unite(half, half.after);
    LruPiece before = full.before;
    return unite(before, full) && !late && before != null ? before : late ? half : full;
  }

  // ---- pieces ----

  private void link(LruPiece piece, @Nullable LruPiece before) {
    LruPiece after = before == null ? head : before.after;
    piece.line = this;
    piece.before = before;
    piece.after = after;
    if (before == null) {
      head = piece;
    } else {
      before.after = piece;
    }
    if (after == null) {
      tail = piece;
    } else {
      after.before = piece;
    }
  }

  private void unlink(LruPiece piece) {
    LruPiece before = piece.before;
    LruPiece after = piece.after;
    if (before == null) {
      head = after;
    } else {
      before.after = after;
    }
    if (after == null) {
      tail = before;
    } else {
      after.before = before;
    }
    piece.line = null;
    piece.before = null;
    piece.after = null;
  }

  private void drop(LruPiece empty) {
    unlink(empty);
    pieces.giveBack(empty);
  }
}
