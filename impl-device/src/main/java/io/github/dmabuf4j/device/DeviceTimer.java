package io.github.dmabuf4j.device;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The daemon thread of this module: gives idle files back when they have lain for long enough,
 * whether or not anybody allocates (design rule AL9), and closes at once what a thread that must be
 * quick has put aside.
 *
 * <p><b>Decay.</b> At each tick what has lain idle since the one before, so that a file is idle for
 * one to two ticks, half the decay time each.
 *
 * <p><b>Threads.</b> Any. The ticks don't keep a pool alive; what was put aside does, until it is
 * closed.
 */
final class DeviceTimer implements Runnable {
  private static final System.Logger LOG = System.getLogger(DeviceTimer.class.getName());
  private static final ScheduledThreadPoolExecutor TIMER = timer();

  /** A century and a half: never. The timer's clock goes no further. */
  private static final long LONGEST_TICK = Long.MAX_VALUE >> 1;

  private static final int LATER_SECONDS = 1;

  private final WeakReference<FilePool> pool;

  /** Set by the thread that schedules; a tick before that goes on with the next. */
  private volatile @Nullable Future<?> ticks;

  private DeviceTimer(FilePool pool) {
    this.pool = new WeakReference<>(pool);
  }

  private static ScheduledThreadPoolExecutor timer() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(
            1,
            Thread.ofPlatform()
                .name("dmabuf4j-device-timer")
                .daemon()
                .inheritInheritableThreadLocals(false)
                .factory());
    timer.setRemoveOnCancelPolicy(true);
    return timer;
  }

  /** Ticks for a pool until it has ended or is lost. */
  static void begin(FilePool pool, Duration decay) {
    DeviceTimer task = new DeviceTimer(pool);
    long tick = tickNanos(decay);
    task.ticks = TIMER.scheduleWithFixedDelay(task, tick, tick, TimeUnit.NANOSECONDS);
  }

  private static long tickNanos(Duration decay) {
    Duration half = decay.dividedBy(2);
    return half.compareTo(Duration.ofNanos(LONGEST_TICK)) < 0
        ? Math.max(1, half.toNanos())
        : LONGEST_TICK;
  }

  /** Closes soon what a pool has put aside. Doesn't fail: the next tick closes it too. */
  static void soon(FilePool pool) {
    try {
      soon(pool::closeRetired, pool.name);
    } catch (RuntimeException | Error e) { // no Java heap, no thread
      // The next tick finds it, and so does whoever needs the memory.
    }
  }

  /**
   * Does something soon that would take too long here. Where that fails it may be done all the
   * same, or not.
   *
   * @throws OutOfMemoryError if there is no Java heap, or no thread
   */
  static void soon(Runnable task, String what) {
    TIMER.execute(() -> attempt(task, what));
  }

  /** Tries something once more, in a second. */
  static void later(Runnable task, String what) {
    var _ = TIMER.schedule(() -> attempt(task, what), LATER_SECONDS, TimeUnit.SECONDS);
  }

  private static void attempt(Runnable task, String what) {
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      Failures.log(LOG, "what was due for", what, e);
    }
  }

  @Override
  public void run() {
    FilePool target = pool.get();
    Future<?> own = ticks;
    if (target == null || target.hasClosed()) {
      if (own != null) {
        own.cancel(false);
      }
      return;
    }
    attempt(target::tick, target.name);
  }
}
