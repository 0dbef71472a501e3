package io.github.dmabuf4j.offheap;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What makes room for a block of one class when many of other classes lie idle. Each class keeps
 * what it needed at its own peak, and the peaks of all classes together are more than what is live
 * at any one time. So before a pool grows, blocks of the class with the most idle bytes go back to
 * the operating system for as many bytes, unless few lie idle: up to {@link #FREE_BYTES} and one in
 * {@link #LIVE_PER_IDLE} of what isn't idle.
 *
 * <p>What goes back has to come again page by page. So that happens once in {@link
 * #HITS_PER_EXCHANGE} times that an idle block was of use, at most: who uses a few sizes in turn
 * has them all idle soon, and never asks here again. Blocks of more than {@link #LARGEST_BYTES}
 * wait for their decay: bringing one back takes longer than many allocations.
 *
 * <p><b>Invariant.</b> Nothing here is exact but who has which block. Figures are read without the
 * flags of stripes, so that looking costs no more than the loads; a wrong one makes the pool grow,
 * or an idle block go back, too early.
 *
 * <p><b>Guard.</b> {@code hitsPaid} by {@code returning} of the {@link Pool}, which is held.
 */
final class Growth {
  /** How much may lie idle at any rate, in bytes. */
  static final long FREE_BYTES = 1L << 20;

  /** One idle byte more for so many that are live. */
  static final long LIVE_PER_IDLE = 32;

  /** How often idle blocks were of use since the last exchange, at least. */
  static final long HITS_PER_EXCHANGE = 64;

  /** How many of those times are saved up for when several exchanges are due in a row. */
  private static final long MOST_SAVED = 64 * HITS_PER_EXCHANGE;

  private static final long LARGEST_BYTES = 1L << 20;

  private static final int LARGEST_CLASS = SizeClasses.classOf(SizeClasses.pages(LARGEST_BYTES));

  private final Magazines magazines;
  private long hitsPaid;

  Growth(Magazines magazines) {
    this.magazines = magazines;
  }

  /**
   * Takes idle blocks out that are to go back before the pool grows; none if it may just grow.
   * Passes by what is busy.
   *
   * @param bytes by how much
   * @param committed how much it has
   */
  List<Block> takeFor(long bytes, long committed) {
    long hits = 0;
    long idle = 0;
    long most = 0;
    int fullest = 0;
    for (int i = 0; i <= LARGEST_CLASS; i++) {
      Magazine magazine = magazines.present(i);
      if (magazine != null) {
        hits += magazine.roughHits();
        long idleOfClass = magazine.roughCount() * SizeClasses.bytes(i);
        idle += idleOfClass;
        if (idleOfClass > most) {
          most = idleOfClass;
          fullest = i;
        }
      }
    }
    long allowed = FREE_BYTES + (committed - idle) / LIVE_PER_IDLE;
    if (idle <= allowed || hits - hitsPaid < HITS_PER_EXCHANGE) {
      return List.of();
    }
    hitsPaid = Math.max(hitsPaid + HITS_PER_EXCHANGE, hits - MOST_SAVED);
    long goingBack = bytes + Math.min(bytes, idle - allowed);
    return takeFrom(magazines.present(fullest), 1 + (goingBack - 1) / SizeClasses.bytes(fullest));
  }

  private static List<Block> takeFrom(@Nullable Magazine magazine, long count) {
    List<Block> taken = new ArrayList<>();
    if (magazine != null) {
      magazine.takeOldest((int) count, false, taken);
    }
    return taken;
  }
}
