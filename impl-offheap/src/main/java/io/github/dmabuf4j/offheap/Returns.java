package io.github.dmabuf4j.offheap;

import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * How idle blocks of a {@link Pool} go back to the limit and the operating system: because somebody
 * needs the bytes, because the timer finds them idle for too long or too many, or because the pool
 * ends.
 *
 * <p><b>Locks.</b> {@code returning} is held while blocks are on the way from magazines to slabs,
 * so that who has waited for it knows that nothing idle is out of sight; the locks of the slabs and
 * the magazines are taken inside.
 */
final class Returns {
  /** How many bytes the timer zeroes before others have their turn: some 10 ms. */
  private static final long ZEROED_AT_ONCE = 64L << 20;

  /** What a small block counts there, for it has to be found as well. */
  private static final long LEAST_COST = 256L << 10;

  private final Pool pool;
  private final Growth growth;
  private final ReentrantLock returning = new ReentrantLock();

  Returns(Pool pool) {
    this.pool = pool;
    this.growth = new Growth(pool.magazines);
  }

  /** Gives everything idle back to the limit. */
  long giveBackAll() {
    return giveBack(Long.MAX_VALUE);
  }

  /**
   * Gives idle blocks back, the largest first, for as many bytes as are wanted; waits for those who
   * are at it.
   */
  long giveBack(long bytes) {
    returning.lock();
    try {
      return giveBack(pool.magazines.take(bytes, true));
    } finally {
      returning.unlock();
    }
  }

  /** Waits for those who have idle blocks out of sight: when this returns they can be seen. */
  void awaitReturning() {
    returning.lock();
    try {
      // Whoever was at it is done.
    } finally {
      returning.unlock();
    }
  }

  /** Gives back what another thread could not, as only this one may free it. */
  void giveBackStuck() {
    if (pool.memory.poolsItself()) {
      long _ = giveBack(0);
    }
  }

  /** Before this grows by some bytes: lets idle blocks go back for them where many lie idle. */
  void makeRoom(long bytes) {
    if (returning.tryLock()) {
      try {
        List<Block> others = growth.takeFor(bytes, pool.slabs.committed());
        if (!others.isEmpty()) {
          giveBack(others);
        }
      } finally {
        returning.unlock();
      }
    }
  }

  /** Gives back for as many bytes as are wanted, but passes by what is busy. */
  void giveBackLightly(long bytes) {
    if (returning.tryLock()) {
      try {
        giveBack(pool.magazines.take(bytes, false));
      } finally {
        returning.unlock();
      }
    }
  }

  /**
   * Gives back what nobody needed for a while, and what all heaps keep too much. Called by the
   * timer.
   */
  void tick() {
    returning.lock();
    try {
      giveBack(pool.magazines.takeSurplus());
    } finally {
      returning.unlock();
    }
    giveBackExcess(RetainedBytes.OF_THIS_PROCESS.excess());
    pool.slabs.empty.unmapSoonIfAny();
  }

  /**
   * Gives back what is kept beyond a limit, and zeroes the rest if that is wanted. By the timer.
   */
  void attend(Retention retention) {
    giveBackExcess(pool.magazines.idleBytes() - retention.bytes());
    giveBackExcess(RetainedBytes.OF_THIS_PROCESS.excess());
    if (retention.zeroed()) {
      zeroIdle();
    }
  }

  private void giveBackExcess(long bytes) {
    if (bytes > 0) {
      long _ = giveBack(bytes);
    }
  }

  /**
   * Zeroes idle blocks, one at a time, so that no more than that is out of sight: whoever finds too
   * little waits for {@code returning}, and looks once more. Not for long: the timer is for all
   * heaps.
   */
  private void zeroIdle() {
    long left = ZEROED_AT_ONCE;
    for (int sizeClass = 0; sizeClass <= pool.largestClass; sizeClass++) {
      long cost = Math.max(SizeClasses.bytes(sizeClass), LEAST_COST);
      while (left > 0 && !pool.waiters.areWatching() && zeroOne(sizeClass)) {
        left -= cost;
      }
    }
  }

  private boolean zeroOne(int sizeClass) {
    returning.lock();
    try {
      boolean any = pool.magazines.zeroOne(sizeClass);
      if (any) {
        pool.afterReturn();
      }
      return any;
    } finally {
      returning.unlock();
    }
  }

  /** Gives back what belongs to no class. Called by the timer. */
  void retire() {
    returning.lock();
    try {
      giveBack(pool.magazines.takeRetired());
    } finally {
      returning.unlock();
    }
  }

  /** Gives back what refused it. Called by the timer, also after the end. */
  void retry() {
    returning.lock();
    try {
      pool.slabs.beginRetry();
      pool.slabs.empty.unmap();
      giveBack(List.of());
    } finally {
      returning.unlock();
    }
    pool.user.retry();
  }

  /**
   * Gives blocks back that are in no magazine.
   *
   * @throws OutOfMemoryError if there is no Java heap for it: they are retired
   */
  private long giveBack(List<Block> blocks) {
    long bytes = pool.slabs.retry();
    try {
      bytes += pool.slabs.giveBack(blocks);
    } catch (OutOfMemoryError e) {
      pool.magazines.retire(blocks);
      throw e;
    } finally {
      pool.afterGivingBack(bytes);
    }
    return bytes;
  }

  /** Gives the memory of the region back; nobody has anything of it. */
  void giveWholeBack(Block whole) {
    returning.lock();
    try {
      giveBack(List.of(whole));
    } finally {
      returning.unlock();
    }
  }
}
