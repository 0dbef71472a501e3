package io.github.dmabuf4j.offheap;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * All idle blocks of a pool: a {@link Magazine} per class, made when the first block of the class
 * comes back; a stack for blocks that found every stripe busy, so that putting a block back always
 * ends at once; and a stack of retired blocks, on their way back to the operating system: those too
 * large for a class, and those that could not go for want of Java heap.
 *
 * <p><b>Invariant.</b> A block is in at most one place. It is put where any later patient call by
 * any thread finds it: those empty the overflow stack first, or wait for whoever is doing that, and
 * then visit every stripe with its flag set, while no block moves from one to another ({@link
 * PatientLooks}). While they empty it they wait for busy stripes, too, so that nothing goes back to
 * it that was there before. Hence they find the block, or came before it was put; see {@link
 * Waiters} for what that is good for.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>magazines[i]</td><td>acquire; patient calls volatile</td><td>CAS from null, once</td><td>-</td></tr>
 * <tr><td>overflow, retired</td><td>volatile</td><td>CAS to push, swapped for null to take all: nothing can come back in between</td><td>-</td></tr>
 * <tr><td>unsettled</td><td>plain</td><td>plain</td><td>settling</td></tr>
 * </table>
 *
 * <p><b>Locks.</b> {@code settling} is held while the overflow stack is emptied, by slow paths
 * only; flags of stripes are set inside.
 */
final class Magazines {
  private static final VarHandle MAGAZINE =
      MethodHandles.arrayElementVarHandle(Magazine[].class).withInvokeExactBehavior();
  private static final VarHandle OVERFLOW;
  private static final VarHandle RETIRED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      OVERFLOW = lookup.findVarHandle(Magazines.class, "overflow", Block.class);
      RETIRED = lookup.findVarHandle(Magazines.class, "retired", Block.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int stripeCount;
  private final @Nullable Magazine[] magazines = new @Nullable Magazine[SizeClasses.COUNT];
  private final ReentrantLock settling = new ReentrantLock();

  @SuppressWarnings("UnusedVariable") // by OVERFLOW
  private volatile @Nullable Block overflow;

  private volatile @Nullable Block retired;

  /** What was on the overflow stack and has no place in a stripe yet. */
  private @Nullable Block unsettled;

  /**
   * Creates empty magazines.
   *
   * @param stripeCount how many stripes each has, a power of two
   */
  Magazines(int stripeCount) {
    this.stripeCount = stripeCount;
  }

  // ---- hot paths ----

  /** Takes a block out, without waiting for anybody; null if none was found. */
  @Nullable Block pop(int sizeClass, long addressMask) {
    Magazine magazine = (Magazine) MAGAZINE.getAcquire(magazines, sizeClass);
    return magazine == null ? null : magazine.pop(addressMask);
  }

  /**
   * Moves blocks of a class to a list, for users, without waiting for anybody.
   *
   * @param count at most so many
   */
  void pop(int sizeClass, int count, List<Block> to) {
    Magazine magazine = (Magazine) MAGAZINE.getAcquire(magazines, sizeClass);
    if (magazine != null) {
      magazine.pop(count, to);
    }
  }

  /** Puts an idle block of a class back. Never fails, waits for nobody. */
  void push(Block block) {
    int sizeClass = block.sizeClass;
    Magazine magazine = (Magazine) MAGAZINE.getAcquire(magazines, sizeClass);
    if (magazine == null || !magazine.push(block)) {
      pushSlowly(block, magazine);
    }
  }

  private void pushSlowly(Block block, @Nullable Magazine present) {
    try {
      if (present == null && magazine(block.sizeClass).push(block)) {
        return;
      }
    } catch (OutOfMemoryError e) {
      // The overflow stack needs none.
    }
    pushOn(OVERFLOW, block);
  }

  /**
   * Puts an idle block where those who give blocks back find it, and nobody else: one that belongs
   * to no class, or that they could not give back. Never fails, waits for nobody.
   */
  void retire(Block block) {
    pushOn(RETIRED, block);
  }

  private void pushOn(VarHandle stack, Block block) {
    Block top;
    do {
      top = (Block) stack.getVolatile(this);
      block.below = top;
    } while (!stack.compareAndSet(this, top, block));
  }

  /** The magazine of a class, if there is one yet. */
  @Nullable Magazine present(int sizeClass) {
    return (Magazine) MAGAZINE.getAcquire(magazines, sizeClass);
  }

  /** The magazine of a class, made if there is none yet. */
  Magazine magazine(int sizeClass) {
    Magazine present = (Magazine) MAGAZINE.getVolatile(magazines, sizeClass);
    if (present == null) {
      Magazine fresh = new Magazine(stripeCount);
      present =
          (Magazine) MAGAZINE.compareAndExchange(magazines, sizeClass, (Magazine) null, fresh);
      if (present == null) {
        present = fresh;
      }
    }
    return present;
  }

  // ---- slow paths ----

  /** Puts back a block that was taken out and not used, as if it had not been. */
  void undo(Block block) {
    if (!magazine(block.sizeClass).undo(block)) {
      pushOn(OVERFLOW, block);
    }
  }

  /** Takes a block out wherever one is; null if there is none. */
  @Nullable Block popPatiently(int sizeClass, long addressMask) {
    settle(true);
    Magazine magazine = (Magazine) MAGAZINE.getVolatile(magazines, sizeClass);
    return magazine == null ? null : magazine.popPatiently(addressMask);
  }

  /**
   * Takes idle blocks out, the largest first, for as many bytes as are wanted, or all.
   *
   * @param bytes how much
   * @param patiently whether to wait for busy stripes, else they are passed by
   * @throws OutOfMemoryError if there is no Java heap for the list: none is out
   */
  List<Block> take(long bytes, boolean patiently) {
    List<Block> taken = takeRetired();
    try {
      settle(patiently);
      takeLargest(bytes, patiently, taken);
      return taken;
    } catch (OutOfMemoryError e) {
      retire(taken);
      throw e;
    }
  }

  /** Adds to what is taken, until that is as many bytes as are wanted. */
  private void takeLargest(long bytes, boolean patiently, List<Block> taken) {
    long left = bytes;
    for (Block block : taken) {
      left -= block.bytes();
    }
    for (int i = SizeClasses.COUNT - 1; i >= 0 && left > 0; i--) {
      Magazine magazine = (Magazine) MAGAZINE.getVolatile(magazines, i);
      if (magazine != null) {
        long blockBytes = SizeClasses.bytes(i);
        int before = taken.size();
        magazine.takeOldest(
            (int) Math.min(Integer.MAX_VALUE - before, 1 + (left - 1) / blockBytes),
            patiently,
            taken);
        left -= (taken.size() - before) * blockBytes;
      }
    }
  }

  /**
   * Takes out what nobody needed since the last call.
   *
   * @throws OutOfMemoryError if there is no Java heap for the list: none is out
   */
  List<Block> takeSurplus() {
    List<Block> taken = takeRetired();
    try {
      settle(true);
      for (int i = 0; i < SizeClasses.COUNT; i++) {
        Magazine magazine = (Magazine) MAGAZINE.getVolatile(magazines, i);
        if (magazine != null) {
          magazine.takeSurplus(taken);
        }
      }
      return taken;
    } catch (OutOfMemoryError e) {
      retire(taken);
      throw e;
    }
  }

  /**
   * Makes an idle block of a class zero that may not be. It is out of sight meanwhile, and then
   * where it was, as idle as before.
   *
   * @return false if there is none
   */
  boolean zeroOne(int sizeClass) {
    Magazine magazine = (Magazine) MAGAZINE.getVolatile(magazines, sizeClass);
    if (magazine != null) {
      for (Stripe stripe : magazine.stripes) {
        Block block = stripe.takeOldestWritten();
        if (block != null) {
          try {
            block.zeroedIdle = true;
            block.zero(block.bytes());
            block.written = false;
          } finally {
            if (!stripe.putOldest(block)) {
              pushOn(OVERFLOW, block);
            }
          }
          return true;
        }
      }
    }
    return false;
  }

  /**
   * Takes out what was retired.
   *
   * @throws OutOfMemoryError if there is no Java heap for the list: none is out
   */
  List<Block> takeRetired() {
    List<Block> taken = new ArrayList<>();
    if (retired == null) {
      return taken;
    }
    Block block = (Block) RETIRED.getAndSet(this, null);
    try {
      while (block != null) {
        taken.add(block);
        Block below = block.below;
        block.below = null;
        block = below;
      }
      return taken;
    } catch (OutOfMemoryError e) {
      retire(taken);
      while (block != null) {
        Block below = block.below;
        retire(block);
        block = below;
      }
      throw e;
    }
  }

  /** Retires blocks. Takes no Java heap. */
  void retire(List<Block> blocks) {
    for (int i = 0; i < blocks.size(); i++) {
      retire(blocks.get(i));
    }
  }

  /**
   * Finds those that overflowed a place in a stripe, or waits for whoever is doing that. An Error
   * may end it in the middle: the rest is {@code unsettled}, for the next one.
   *
   * @param patiently whether to wait for busy stripes; else, where all are, they overflow again
   */
  private void settle(boolean patiently) {
    settling.lock();
    try {
      settleRest(patiently);
      unsettled = (Block) OVERFLOW.getAndSet(this, null);
      settleRest(patiently);
    } finally {
      settling.unlock();
    }
  }

  private void settleRest(boolean patiently) {
    for (Block block = unsettled; block != null; block = unsettled) {
      Block below = block.below;
      block.below = null; // before others can have it
      boolean done = false;
      try {
        settle(block, patiently);
        done = true;
      } finally {
        if (done) {
          unsettled = below;
        } else {
          block.below = below;
        }
      }
    }
  }

  private void settle(Block block, boolean patiently) {
    if (!patiently) {
      push(block);
      return;
    }
    boolean placed = false;
    try {
      placed = magazine(block.sizeClass).pushPatiently(block);
    } catch (OutOfMemoryError e) {
      // The overflow stack needs none.
    }
    if (!placed) {
      pushOn(OVERFLOW, block); // the JVM has no memory for a place in a stripe
    }
  }

  // ---- figures ----

  /** The bytes that could be given back now. */
  long idleBytes() {
    settle(true);
    long bytes = 0;
    for (int i = 0; i < SizeClasses.COUNT; i++) {
      Magazine magazine = (Magazine) MAGAZINE.getVolatile(magazines, i);
      if (magazine != null) {
        bytes += magazine.count() * SizeClasses.bytes(i);
      }
    }
    for (Block block = retired; block != null; block = block.below) {
      bytes += block.bytes(); // a racy walk: who takes the stack wakes the waiters when it is done
    }
    return bytes;
  }

  /**
   * How many more blocks of a class were taken out for users than came back from them; less than 0
   * where they came from slabs.
   */
  long taken(int sizeClass) {
    Magazine magazine = (Magazine) MAGAZINE.getVolatile(magazines, sizeClass);
    return magazine == null ? 0 : magazine.taken();
  }

  /** How many blocks were taken out for users so far. */
  long hits() {
    settle(true);
    long hits = 0;
    for (int i = 0; i < SizeClasses.COUNT; i++) {
      Magazine magazine = (Magazine) MAGAZINE.getVolatile(magazines, i);
      if (magazine != null) {
        hits += magazine.hits();
      }
    }
    return hits;
  }
}
