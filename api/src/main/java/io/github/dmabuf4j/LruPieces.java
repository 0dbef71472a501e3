package io.github.dmabuf4j;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The pieces that the lines of a {@link BufferLru} are made of. They are made before a buffer comes
 * into a line, so that nothing can fail where one changes lines, comes to another place or leaves.
 *
 * <p><b>Invariant.</b> In a line of {@code n} buffers two neighbouring pieces have {@link
 * LruPiece#FEW} + 1 of them or more, so there are {@code n} / 12 + 1 pieces at most; a piece that
 * is being parted is one more. So {@link #wanted} are enough for all lines together, and as many
 * there are, in lines or spare. What is more than that goes when a piece gets empty.
 *
 * <p><b>Threads.</b> All methods with the lock of the {@link BufferLru}.
 */
final class LruPieces {
  private static final int LINES = 3;

  private int members;
  private int made;
  private @Nullable LruPiece spare;

  /**
   * One more buffer will be in a line. The only call that may allocate: nothing has changed if that
   * fails.
   */
  void join() {
    while (made < wanted(members + 1)) {
      LruPiece fresh = new LruPiece();
      made++;
      keep(fresh);
    }
    members++;
  }

  /** One is in no line any more. */
  void leave() {
    members--;
    while (made > wanted(members) && spare != null) {
      LruPiece _ = take();
      made--;
    }
  }

  private static int wanted(int members) {
    return members / (LruPiece.FEW / 2) + LINES + 1;
  }

  /** A spare one: there is one, see the invariant. */
  LruPiece take() {
    LruPiece taken = Objects.requireNonNull(spare, "spare");
    spare = taken.after;
    taken.after = null;
    return taken;
  }

  /** One that is empty, and in no line. */
  void giveBack(LruPiece empty) {
    if (made > wanted(members)) {
      made--;
    } else {
      keep(empty);
    }
  }

  private void keep(LruPiece empty) {
    empty.after = spare;
    spare = empty;
  }

  /** How many there are, in lines or spare. */
  int made() {
    return made;
  }
}
