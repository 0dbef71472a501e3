package io.github.dmabuf4j.offheap;

import java.lang.System.Logger.Level;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The timer that gives idle blocks back, whether or not anybody allocates (design rule AL9): at
 * each tick what has lain in a magazine since the one before, so that a block is idle for one to
 * two ticks, half the decay time each. One daemon thread for all pools, which it doesn't keep
 * alive, but for those that have something left to unmap.
 */
final class Decay implements Runnable {
  private static final System.Logger LOG = System.getLogger(Decay.class.getName());
  private static final ScheduledThreadPoolExecutor TIMER = timer();

  /** Of a tick, a century and a half: never. The timer's clock goes no further. */
  private static final Duration LONGEST_PERIOD = Duration.ofNanos(Long.MAX_VALUE >> 1);

  private static final int RETRY_SECONDS = 1;

  /** How long address space stays where memory went back, for the next buffers. */
  private static final int UNMAP_SECONDS = 1;

  /**
   * How often idle blocks are looked after, where more has to happen to them than to decay; or as
   * often as they decay.
   */
  static final Duration ATTENTION = Duration.ofMillis(500);

  /** How often stores move on what is old. */
  private static final Duration AGING = Duration.ofSeconds(1);

  private final WeakReference<Pool> pool;

  /**
   * Set by the thread that schedules; a tick that comes before it sees it goes on with the next.
   */
  private volatile @Nullable Future<?> ticks;

  private final Consumer<Pool> work;

  private Decay(Pool pool, Consumer<Pool> work) {
    this.pool = new WeakReference<>(pool);
    this.work = work;
  }

  private static ScheduledThreadPoolExecutor timer() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(
            1,
            Thread.ofPlatform()
                .name("dmabuf4j-decay")
                .daemon()
                .inheritInheritableThreadLocals(false)
                .factory());
    timer.setRemoveOnCancelPolicy(true);
    return timer;
  }

  /** Ticks for a pool until it has ended or is lost. */
  static void begin(Pool pool, Retention retention) {
    long period = periodNanos(retention.decay());
    begin(pool, target -> target.returns.tick(), period);
    if (retention.needsAttention()) {
      begin(
          pool, target -> target.returns.attend(retention), Math.min(period, ATTENTION.toNanos()));
    }
  }

  /** Lets the store of a pool move on what is old, until the pool has ended or is lost. */
  static void beginAging(Pool pool) {
    begin(pool, Pool::ageStore, AGING.toNanos());
  }

  private static void begin(Pool pool, Consumer<Pool> work, long period) {
    Decay task = new Decay(pool, work);
    task.ticks = TIMER.scheduleWithFixedDelay(task, period, period, TimeUnit.NANOSECONDS);
  }

  private static long periodNanos(Duration decay) {
    Duration period = decay.dividedBy(2);
    return period.compareTo(LONGEST_PERIOD) < 0
        ? Math.max(1, period.toNanos())
        : LONGEST_PERIOD.toNanos();
  }

  /** Gives back soon what a thread that must be quick, and must not fail, has put aside. */
  static void soon(Pool pool) {
    try {
      TIMER.execute(new Decay(pool, target -> target.returns.retire()));
    } catch (OutOfMemoryError e) {
      // The next tick finds it too.
    }
  }

  /** Unmaps in a second what is empty then; a pool that is lost does so as it ends. */
  static void unmapSoon(Pool pool) {
    var _ =
        TIMER.schedule(
            new Decay(pool, target -> target.slabs.empty.unmapInTurn()),
            UNMAP_SECONDS,
            TimeUnit.SECONDS);
  }

  /**
   * Tries once more, in a second, what could not be given back. Keeps the pool until then, even if
   * nobody else does: its address space would be lost with it.
   */
  static void retryLater(Pool pool) {
    var _ = TIMER.schedule(() -> retry(pool), RETRY_SECONDS, TimeUnit.SECONDS);
  }

  private static void retry(Pool pool) {
    try {
      pool.returns.retry();
    } catch (RuntimeException | Error e) {
      logFailure(pool, e);
    }
  }

  private static void logFailure(Pool pool, Throwable failure) {
    LOG.log(
        Level.ERROR,
        "giving idle memory of " + pool.name + " back failed; tried again later",
        failure);
  }

  @Override
  public void run() {
    Pool target = pool.get();
    Future<?> own = ticks;
    if (target == null || target.lifecycle.isClosed()) {
      if (own != null) {
        own.cancel(false);
      }
      return;
    }
    try {
      work.accept(target);
    } catch (RuntimeException | Error e) {
      logFailure(target, e);
    }
  }
}
