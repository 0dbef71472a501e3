package io.github.dmabuf4j.offheap;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A stack of idle blocks of one class: last in, first out, so that the warmest block is used next
 * and the oldest ones are found to be too many.
 *
 * <p><b>Invariant.</b> Who has set {@code flag} from 0 to 1 owns the rest. The flag is held for a
 * few dozen instructions that neither block nor allocate, but for the growth of the array; those
 * who take a block out of the middle, or put one at the bottom, move the rest. No other lock is
 * taken while it is held, and the flag of a second stripe is only tried: {@link #tryPopFrom}. On
 * the hot path nobody waits for it: {@link #tryLock} fails and the caller goes to the next stripe.
 *
 * <p><b>Errors.</b> A caller may have no stack left, and every call needs some, also the one that
 * would give the flag back. So a method that changes the stack does first whatever can fail, and
 * then only loads and stores: it changes all or nothing. And the flag is given back by a store to
 * the field where {@link #unlock} can't be called: such a store can't fail.
 */
final class Stripe extends StripeState {
  private static final int FIRST_CAPACITY = 16;

  /** How many blocks move to another stripe at once, at most: those below stay warm, or decay. */
  private static final int MOVED = 32;

  /** Keeps what comes after it off its cache lines. */
  @SuppressWarnings("unused")
  private long after0, after1, after2, after3, after4, after5, after6, after7;

  @SuppressWarnings("unused")
  private long after8, after9, after10, after11, after12, after13, after14, after15;

  // ---- hot paths: without it ----

  /**
   * Takes the newest block whose address has none of some bits; null if there is none, or somebody
   * else owns the stack.
   */
  @Nullable Block tryPop(long addressMask) {
    if (sizeAtAGlance() == 0 || !tryLock()) {
      return null;
    }
    Block block = null;
    try {
      block = pop(addressMask);
      unlock();
    } catch (Throwable e) {
      flag = FREE;
      if (block == null) {
        throw e;
      }
    }
    return block;
  }

  /** Puts a block that comes back on top; false if there is no room, or somebody else owns it. */
  boolean tryPush(Block block) {
    if (!tryLock()) {
      return false;
    }
    boolean done = false;
    try {
      done = push(block);
      unlock();
    } catch (Throwable e) {
      flag = FREE;
      if (!done) {
        throw e;
      }
    }
    return done;
  }

  /**
   * Takes the newest block of another stripe, of any address, and moves some below it to this one,
   * for those who come next; null if there is none, or somebody else owns the other one. Where
   * somebody else owns this one, or blocks mustn't move, they stay where they are.
   *
   * @param looks who mustn't miss one
   */
  @Nullable Block tryPopFrom(Stripe other, PatientLooks looks) {
    if (other.sizeAtAGlance() <= 1 || !tryLock()) {
      return other.tryPop(0);
    }
    try {
      if (!other.tryLock()) {
        return null;
      }
      try {
        if (!looks.areUnderWay()) { // not before both are owned
          moveFrom(other);
        }
        return other.pop(0);
      } finally {
        other.flag = FREE;
      }
    } finally {
      flag = FREE;
    }
  }

  // ---- with it ----

  /** Moves the newer half of another stripe but its newest one, at most {@link #MOVED}. */
  @SuppressWarnings({"NullAway", "ManualMinMaxComputation"}) // beyond size there is nothing
  private void moveFrom(Stripe other) {
    int top = other.size - 1;
    int count = other.size / 2 < MOVED ? other.size / 2 : MOVED;
    if (count == 0 || (size + count > blocks.length && !grow(size + count))) {
      return; // it may have been emptied since the first glance
    }
    Block[] from = other.blocks;
    int left = top - count; // no call from here on
    for (int i = left; i < top; i++) {
      blocks[size] = from[i];
      size++;
    }
    from[left] = from[top];
    for (int i = left + 1; i <= top; i++) {
      from[i] = null;
    }
    other.size = left + 1;
    other.low = other.low < left + 1 ? other.low : left + 1;
  }

  int size() {
    return size;
  }

  /** How many blocks were taken out for a user. */
  long taken() {
    return taken;
  }

  /** How many blocks came back from a user. */
  long put() {
    return put;
  }

  /**
   * Puts a block that comes back on top; false if there is no room and the JVM has no memory for
   * more.
   */
  boolean push(Block block) {
    if (!place(block)) {
      return false;
    }
    put++;
    return true;
  }

  private boolean place(Block block) {
    int at = size;
    if (at == blocks.length && !grow(at + 1)) {
      return false;
    }
    blocks[at] = block;
    size = at + 1;
    return true;
  }

  /** Makes room for so many blocks in all. */
  private boolean grow(int least) {
    try {
      blocks = Arrays.copyOf(blocks, Math.max(Math.max(FIRST_CAPACITY, 2 * size), least));
      return true;
    } catch (OutOfMemoryError | StackOverflowError e) {
      return false;
    }
  }

  /** Takes the newest block whose address has none of some bits, or null. */
  @SuppressWarnings({"NullAway", "ManualMinMaxComputation"}) // beyond size there is nothing
  @Nullable Block pop(long addressMask) {
    int left = size - 1;
    int at = left;
    while (at >= 0 && (blocks[at].address & addressMask) != 0) {
      at--;
    }
    if (at < 0) {
      return null;
    }
    Block block = blocks[at];
    for (; at < left; at++) { // no call from here on
      blocks[at] = blocks[at + 1];
    }
    blocks[left] = null;
    size = left;
    low = low < left ? low : left;
    taken++;
    return block;
  }

  /** Moves the newest blocks to a list, for users, at most so many. */
  @SuppressWarnings({"NullAway", "ManualMinMaxComputation"}) // beyond size there is nothing
  void popNewest(int count, List<Block> to) {
    int left = Math.max(0, size - count);
    to.addAll(Arrays.asList(blocks).subList(left, size));
    for (int i = left; i < size; i++) { // no call from here on
      blocks[i] = null;
    }
    taken += size - left;
    size = left;
    low = low < left ? low : left;
  }

  /** Puts back a block that was taken out and not used. */
  boolean undo(Block block) {
    if (!place(block)) {
      return false;
    }
    taken--;
    return true;
  }

  /** Moves the oldest blocks to a list, at most so many, to be given back. */
  @SuppressWarnings({"NullAway", "ManualMinMaxComputation"}) // beyond size there is nothing
  void takeOldest(int count, List<Block> to) {
    int moved = Math.min(count, size);
    to.addAll(Arrays.asList(blocks).subList(0, moved));
    int left = size - moved; // no call from here on
    for (int i = 0; i < left; i++) {
      blocks[i] = blocks[i + moved];
    }
    for (int i = left; i < size; i++) {
      blocks[i] = null;
    }
    size = left;
    low = low < left ? low : left;
  }

  /**
   * How many blocks nobody needed since the last call. One that was taken out to be zeroed may have
   * come back elsewhere since.
   */
  @SuppressWarnings("ManualMinMaxComputation") // no call
  int surplus() {
    int surplus = low < size ? low : size;
    low = size - surplus;
    return surplus;
  }

  // ---- slow paths: without it ----

  /**
   * Takes a block out that may not be zero and lies above those that are, or null if there seems to
   * be none. It leaves no trace in the counts, as it isn't for a user: to be put back by {@link
   * #putOldest}, so that what is zero lies below what isn't.
   */
  @SuppressWarnings("NullAway") // beyond size there is nothing
  @Nullable Block takeOldestWritten() {
    lock();
    try {
      int at = firstWritten();
      if (at == size) {
        return null;
      }
      Block block = blocks[at];
      for (int left = size - 1; at < left; at++) { // no call from here on
        blocks[at] = blocks[at + 1];
      }
      blocks[at] = null;
      size = at;
      return block;
    } finally {
      flag = FREE;
    }
  }

  /** Where those begin that may not be zero. A few may lie elsewhere: who needs zeros looks. */
  @SuppressWarnings("NullAway") // beyond size there is nothing
  private int firstWritten() {
    int from = 0;
    int to = size;
    while (from < to) {
      int middle = (from + to) >>> 1;
      if (blocks[middle].written) {
        to = middle;
      } else {
        from = middle + 1;
      }
    }
    return from;
  }

  /** Puts a block back at the bottom; false if there is no room, and no memory for more. */
  boolean putOldest(Block block) {
    lock();
    try {
      if (size == blocks.length && !grow(size + 1)) {
        return false;
      }
      for (int i = size; i > 0; i--) { // no call from here on
        blocks[i] = blocks[i - 1];
      }
      blocks[0] = block;
      size++;
      return true;
    } finally {
      flag = FREE;
    }
  }
}
