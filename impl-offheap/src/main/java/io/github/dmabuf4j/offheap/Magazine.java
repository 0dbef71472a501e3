package io.github.dmabuf4j.offheap;

import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The idle blocks of one class, in stripes. A thread has a home stripe by its id, so that threads
 * rarely meet; nothing is kept per thread, so that virtual threads cost nothing (design rule AL10).
 * Where one thread allocates and another one releases, the first finds its stripe empty, and moves
 * some blocks there at once, so that the two meet once for all of them.
 *
 * <p><b>Invariant.</b> Each method that sets the flag of a stripe gives it back before it ends,
 * also by an Error; one that ends by an Error has moved no block, but for those that are in the
 * list it was given. Those that must miss no block say so in {@code looks}, from before the first
 * flag until after the last: no block changes its stripe meanwhile.
 */
final class Magazine {
  private static final int SWEEPS = 8;

  final Stripe[] stripes;
  final PatientLooks looks = new PatientLooks();
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
        Block block =
            i == 0 || addressMask != 0
                ? stripe.tryPop(addressMask)
                : stripes[home & mask].tryPopFrom(stripe, looks);
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
    looks.begin();
    try {
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
    } finally {
      looks.end();
    }
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

  /**
   * Puts a block into the home stripe, else into one that isn't busy; false if all were, some times
   * in a row.
   */
  boolean push(Block block) {
    int home = home();
    return stripes[home & mask].tryPush(block) || pushElsewhere(home, block);
  }

  private boolean pushElsewhere(int home, Block block) {
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      for (int i = 1; i <= mask + 1; i++) { // the home stripe last
        if (stripes[(home + i) & mask].tryPush(block)) {
          return true;
        }
      }
      Thread.onSpinWait(); // two may be one thread's that moves blocks: for some dozen loads
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
    looks.begin();
    try {
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
    } finally {
      looks.end();
    }
  }

  /** Moves to a list what nobody needed since the last call. */
  void takeSurplus(List<Block> to) {
    looks.begin();
    try {
      for (Stripe stripe : stripes) {
        stripe.lock();
        try {
          stripe.takeOldest(stripe.surplus(), to);
        } finally {
          stripe.flag = Stripe.FREE;
        }
      }
    } finally {
      looks.end();
    }
  }

  /** How many blocks are idle. */
  long count() {
    looks.begin();
    try {
      return sum(Stripe::size);
    } finally {
      looks.end();
    }
  }

  /** About how many blocks are idle, without the flags. */
  long roughCount() {
    long count = 0;
    for (Stripe stripe : stripes) {
      count += stripe.size();
    }
    return count;
  }

  /** About how many blocks were taken out for users so far, without the flags. */
  long roughHits() {
    long hits = 0;
    for (Stripe stripe : stripes) {
      hits += stripe.taken();
    }
    return hits;
  }

  /** How many more blocks were taken out for users than came back from them. */
  long taken() {
    return sum(stripe -> stripe.taken() - stripe.put());
  }

  /** How many blocks were taken out for users so far. */
  long hits() {
    return sum(Stripe::taken);
  }

  private long sum(ToLongFunction<Stripe> figure) {
    long sum = 0;
    for (Stripe stripe : stripes) {
      stripe.lock();
      try {
        sum += figure.applyAsLong(stripe);
      } finally {
        stripe.flag = Stripe.FREE;
      }
    }
    return sum;
  }
}
