package io.github.dmabuf4j.offheap;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The idle blocks of one class, in stripes. A thread has a home stripe by its id, so that threads
 * rarely meet; nothing is kept per thread, so that virtual threads cost nothing (design rule AL10).
 *
 * <p><b>Invariant.</b> Each method that sets the flag of a stripe gives it back before it ends,
 * also by an Error; one that ends by an Error has moved no block, but for those that are in the
 * list it was given.
 */
final class Magazine {
  private static final int SWEEPS = 8;

  final Stripe[] stripes;
  private final int mask;

  /**
   * Creates an empty magazine.
   *
   * @param stripeCount a power of two
   */
  Magazine(int stripeCount) {
    stripes = new Stripe[stripeCount];
    mask = stripeCount - 1;
    for (int i = 0; i < stripeCount; i++) {
      stripes[i] = new Stripe();
    }
  }

  private static int home() {
    return (int) Thread.currentThread().threadId();
  }

  /**
   * Takes a block out: from the home stripe, else from another; null if none was found without
   * waiting.
   */
  @Nullable Block pop(long addressMask) {
    int home = home();
    Block block = stripes[home & mask].tryPop(addressMask);
    return block != null ? block : popElsewhere(home, addressMask);
  }

  private @Nullable Block popElsewhere(int home, long addressMask) {
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      boolean busy = false;
      for (int i = 0; i <= mask; i++) {
        Stripe stripe = stripes[(home + i) & mask];
        Block block = stripe.tryPop(addressMask);
        if (block != null) {
          return block;
        }
        busy |= stripe.flag != Stripe.FREE;
      }
      if (!busy) {
        return null;
      }
      Thread.onSpinWait(); // a fresh block would make the pool grow: look once more
    }
    return null;
  }

  /** Takes a block out wherever one is, waiting for busy stripes; null if there is none. */
  @Nullable Block popPatiently(long addressMask) {
    int home = home();
    for (int i = 0; i <= mask; i++) {
      Stripe stripe = stripes[(home + i) & mask];
      stripe.lock();
      try {
        Block block = stripe.pop(addressMask);
        if (block != null) {
          return block;
        }
      } finally {
        stripe.flag = Stripe.FREE;
      }
    }
    return null;
  }

  /**
   * Moves blocks to a list, for users: from the home stripe first, passing by those that are busy.
   *
   * @param count at most so many
   */
  void pop(int count, List<Block> to) {
    int wanted = to.size() + count;
    int home = home();
    for (int i = 0; i <= mask && to.size() < wanted; i++) {
      Stripe stripe = stripes[(home + i) & mask];
      if (stripe.tryLock()) {
        try {
          stripe.popNewest(wanted - to.size(), to);
        } finally {
          stripe.flag = Stripe.FREE;
        }
      }
    }
  }

  /** Puts a block into the home stripe, else into one that isn't busy; false if all are. */
  boolean push(Block block) {
    int home = home();
    for (int i = 0; i <= mask; i++) {
      if (stripes[(home + i) & mask].tryPush(block)) {
        return true;
      }
    }
    return false;
  }

  /**
   * As {@link #push}, but waits for busy stripes; false if there is no room and the JVM has no
   * memory for more.
   */
  boolean pushPatiently(Block block) {
    int home = home();
    for (int i = 0; i <= mask; i++) {
      Stripe stripe = stripes[(home + i) & mask];
      stripe.lock();
      try {
        if (stripe.push(block)) {
          return true;
        }
      } finally {
        stripe.flag = Stripe.FREE;
      }
    }
    return false;
  }

  /** Puts back a block that was taken out and not used; false if there is no room. */
  boolean undo(Block block) {
    Stripe stripe = stripes[home() & mask];
    stripe.lock();
    try {
      return stripe.undo(block);
    } finally {
      stripe.flag = Stripe.FREE;
    }
  }

  /**
   * Moves the oldest blocks to a list.
   *
   * @param count at most so many
   * @param patiently whether to wait for busy stripes, else they are passed by
   */
  void takeOldest(int count, boolean patiently, List<Block> to) {
    int wanted = to.size() + count;
    for (int i = 0; i <= mask && to.size() < wanted; i++) {
      Stripe stripe = stripes[i];
      if (patiently) {
        stripe.lock();
      } else if (!stripe.tryLock()) {
        continue;
      }
      try {
        stripe.takeOldest(wanted - to.size(), to);
      } finally {
        stripe.flag = Stripe.FREE;
      }
    }
  }

  /** Moves to a list what nobody needed since the last call. */
  void takeSurplus(List<Block> to) {
    for (Stripe stripe : stripes) {
      stripe.lock();
      try {
        stripe.takeOldest(stripe.surplus(), to);
      } finally {
        stripe.flag = Stripe.FREE;
      }
    }
  }

  /** How many blocks are idle. */
  long count() {
    long count = 0;
    for (Stripe stripe : stripes) {
      stripe.lock();
      try {
        count += stripe.size();
      } finally {
        stripe.flag = Stripe.FREE;
      }
    }
    return count;
  }

  /** How many more blocks were taken out for users than came back from them. */
  long taken() {
    long taken = 0;
    for (Stripe stripe : stripes) {
      stripe.lock();
      try {
        taken += stripe.taken() - stripe.put();
      } finally {
        stripe.flag = Stripe.FREE;
      }
    }
    return taken;
  }

  /** How many blocks were taken out for users so far. */
  long hits() {
    long hits = 0;
    for (Stripe stripe : stripes) {
      stripe.lock();
      try {
        hits += stripe.taken();
      } finally {
        stripe.flag = Stripe.FREE;
      }
    }
    return hits;
  }
}
