package io.github.dmabuf4j;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A piece of a {@link LruLine}: some buffers that stand one behind the other in it, side by side in
 * an array. So whoever goes through them has all their addresses at once, and the processor fetches
 * several while it waits for the first.
 *
 * <p><b>Invariant.</b> Slots below {@code end} hold buffers in the order of the line, or nothing
 * where one was taken out; those from {@code end} on hold nothing. {@code members} says how many
 * there are. The {@link FollowedState} of each knows its piece and its slot. A piece in a line has
 * members; a spare one has none and no line.
 *
 * <p>All members were passed by at {@code passedAt}: who was placed before that counts as placed
 * and used then. This is written down for each of them only before one of them comes to another
 * piece, or one comes that was used earlier, so {@code passedAt} can be 0. Who just leaves takes
 * nothing of it along.
 *
 * <p><b>Threads.</b> All methods with the lock of the {@link BufferLru}. None allocates.
 */
final class LruPiece {
  /** How many it has room for. */
  static final int CAPACITY = 32;

  /**
   * Two neighbours have more members than this, or are made one. So much below the capacity that
   * several have to come before a piece that was made of two, or closed its gaps, is full.
   */
  static final int FEW = 24;

  private final @Nullable BufferObject[] slots = new BufferObject[CAPACITY];
  private long passedAt;
  private byte end;
  private byte members;

  /** Where it is; null for a spare one. */
  @Nullable LruLine line;

  @Nullable LruPiece before;

  /** The next of the line, or of those that are spare. */
  @Nullable LruPiece after;

  // ---- who is in it ----

  int members() {
    return members;
  }

  /** Who is in a slot; null in gaps and behind the last one. */
  @Nullable FollowedState at(int slot) {
    BufferObject object = slots[slot];
    return object == null ? null : object.followed();
  }

  /** When the first of them was placed. */
  long firstPlacedAt() {
    int slot = 0;
    while (slots[slot] == null) {
      slot++;
    }
    return placedAt(member(slot));
  }

  /** When the last of them was placed. */
  long lastPlacedAt() {
    int slot = end - 1;
    while (slots[slot] == null) {
      slot--;
    }
    return placedAt(member(slot));
  }

  private FollowedState member(int slot) {
    return Objects.requireNonNull(slots[slot]).followed();
  }

  /** When one of them was placed, or was passed by since. */
  long placedAt(FollowedState state) {
    return Math.max(state.placedAt, passedAt);
  }

  /**
   * Whether nobody of them seems idle. Only looks, and so can ask for the next before it has the
   * answer for the last: most of what a scan of busy buffers costs is waiting for memory.
   */
  boolean isSeenBusy() {
    for (int slot = 0; slot < end; slot++) {
      BufferObject object = slots[slot];
      if (object != null && !object.isSeenBusy()) {
        return false;
      }
    }
    return true;
  }

  // ---- who comes, goes, and is passed by ----

  /** All of them count as placed and used now. */
  void passBy(long now) {
    passedAt = now;
  }

  /** Whether one more can be added, once gaps are closed if that gives room for several. */
  boolean makeRoom() {
    if (end == CAPACITY && members <= FEW) {
      closeGaps();
    }
    return end < CAPACITY;
  }

  private void closeGaps() {
    int kept = 0;
    for (int slot = 0; slot < end; slot++) {
      if (slots[slot] != null) {
        FollowedState state = member(slot);
        slots[slot] = null;
        put(kept++, state);
      }
    }
    end = (byte) kept;
  }

  /** Puts one behind all others. There is room. */
  void add(FollowedState state) {
    put(end++, state);
    members++;
  }

  /** Puts one behind those that were placed before it, or together with it. There is room. */
  void insert(FollowedState state) {
    if (state.placedAt < passedAt) {
      writeDown();
    }
    int slot = end++;
    while (slot > 0 && isBehind(slot - 1, state)) {
      slot--;
      if (slots[slot] != null) {
        FollowedState newer = member(slot);
        slots[slot] = null;
        put(slot + 1, newer);
      }
    }
    put(slot, state);
    members++;
  }

  private boolean isBehind(int slot, FollowedState other) {
    return slots[slot] == null || placedAt(member(slot)) > other.placedAt;
  }

  /** Takes one of its members out. */
  void remove(FollowedState state) {
    slots[state.slot] = null;
    state.piece = null;
    members--;
    if (members == 0) {
      end = 0;
      passedAt = 0;
    }
  }

  /** Takes over all members of the next one, which are few enough. */
  void takeAll(LruPiece next) {
    writeDown();
    closeGaps();
    next.moveFrom(0, this);
  }

  /** Gives the later half of its members to an empty one. */
  void giveHalf(LruPiece empty) {
    closeGaps();
    moveFrom(members / 2, empty);
  }

  private void moveFrom(int from, LruPiece target) {
    writeDown();
    for (int slot = from; slot < end; slot++) {
      if (slots[slot] != null) {
        FollowedState state = member(slot);
        remove(state);
        target.add(state);
      }
    }
    end = (byte) Math.min(end, from);
  }

  private void writeDown() {
    for (int slot = 0; passedAt != 0 && slot < end; slot++) {
      if (slots[slot] != null) {
        member(slot).placedNotBefore(passedAt);
      }
    }
    passedAt = 0;
  }

  private void put(int slot, FollowedState state) {
    slots[slot] = state.object;
    state.piece = this;
    state.slot = (byte) slot;
  }
}
