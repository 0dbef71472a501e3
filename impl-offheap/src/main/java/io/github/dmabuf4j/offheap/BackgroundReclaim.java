package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import java.lang.System.Logger.Level;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Gives memory of a pool back before it is short of it, so that allocations needn't: from when less
 * than the low watermark is free, until the high one is (design rule SH8).
 *
 * <p><b>Invariant.</b> While {@code begun} a task is queued or runs, and it looks at the watermarks
 * after it has ended that. So memory that falls below the low one is always seen: by that task, or
 * by one that is begun for it. But where nothing could be given back nobody tries again for {@link
 * #PAUSE_NANOS}: who is busy then may be idle later, and a scan of many buffers isn't free.
 *
 * <p><b>Threads.</b> {@link #wakeIfLow} by anybody, without locks of the pool; the work is done by
 * one thread for all heaps, which ends when it has had nothing to do for a while.
 *
 * <p>Source: balance_pgdat in mm/vmscan.c.
 */
final class BackgroundReclaim {
  private static final System.Logger LOG = System.getLogger(BackgroundReclaim.class.getName());
  private static final long PAUSE_NANOS = 100_000_000;
  private static final ThreadPoolExecutor THREAD = thread();

  private final Pool pool;
  private final Watermarks watermarks;
  private final AtomicBoolean begun = new AtomicBoolean();
  private volatile long vainUntil = System.nanoTime();

  BackgroundReclaim(Pool pool, Watermarks watermarks) {
    this.pool = pool;
    this.watermarks = watermarks;
  }

  private static ThreadPoolExecutor thread() {
    ThreadPoolExecutor executor =
        new ThreadPoolExecutor(
            1,
            1,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform()
                .name("dmabuf4j-reclaim")
                .daemon()
                .inheritInheritableThreadLocals(false)
                .factory());
    executor.allowCoreThreadTimeOut(true);
    return executor;
  }

  /** Runs something there that reclaims memory of any heap. */
  static void execute(Runnable task) {
    THREAD.execute(task);
  }

  /** Begins, if less than the low watermark is free. */
  void wakeIfLow() {
    if (isLow() && System.nanoTime() - vainUntil >= 0 && begun.compareAndSet(false, true)) {
      try {
        THREAD.execute(this::run);
      } catch (OutOfMemoryError | RejectedExecutionException e) {
        begun.set(false); // the next one to commit memory tries it too
      }
    }
  }

  private boolean isLow() {
    return pool.freeBytes() < watermarks.low();
  }

  private void run() {
    try {
      reclaim();
    } catch (RuntimeException | Error e) {
      LOG.log(Level.WARNING, "reclaiming memory of " + pool.name + " in the background failed", e);
      vainUntil = System.nanoTime() + PAUSE_NANOS;
    } finally {
      begun.set(false);
    }
    wakeIfLow();
  }

  private void reclaim() {
    while (pool.lifecycle.isOpen()) {
      long lacking = watermarks.high() - pool.freeBytes();
      PoolShrinker shrinker = pool.shrinker.get();
      if (lacking <= 0 || shrinker == null) {
        return;
      }
      if (shrinker.reclaim(lacking, AllocPolicy.NORMAL) == 0) {
        vainUntil = System.nanoTime() + PAUSE_NANOS;
        return;
      }
    }
  }
}
