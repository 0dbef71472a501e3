package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.ReclaimStatistics;
import io.github.dmabuf4j.offheap.pressure.DirectMemorySource;
import io.github.dmabuf4j.offheap.pressure.PressureListener;
import io.github.dmabuf4j.offheap.pressure.PressureSource;
import io.github.dmabuf4j.offheap.pressure.PressureWatch;
import java.lang.System.Logger.Level;
import java.lang.ref.WeakReference;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;

/**
 * Gives memory of a pool back under memory pressure, by {@link PoolShrinker#relieve} (design rule
 * SH8).
 *
 * <p><b>Invariant.</b> While {@code begun} a task is queued or runs, the only one, and {@code
 * pauseNanos}, {@code evicted} and {@code refaulted} are its own. From the end of one task to the
 * begin of the next there is at least a pause: a second; twice as long as the last one, up to about
 * a minute, if that gave nothing, or if half of what it evicted has come back since. So pressure
 * that this pool can't help, or feels itself, doesn't drive its content to and fro. Pressure within
 * a pause is passed by: if it lasts, its source tells of it again.
 *
 * <p><b>Threads.</b> Pressure is told by that of the {@link PressureWatch}; the work is done by
 * that of the {@link BackgroundReclaim}. Neither holds the pool meanwhile.
 */
final class PressureReclaim implements PressureListener {
  private static final System.Logger LOG = System.getLogger(PressureReclaim.class.getName());
  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long LONGEST_PAUSE_NANOS = SHORTEST_PAUSE_NANOS << 6;

  private final WeakReference<Pool> pool;
  private final boolean isDirectMemory;
  private final LongSupplier clock;
  private final AtomicBoolean begun = new AtomicBoolean();
  private volatile long pausedUntil;
  private long pauseNanos = SHORTEST_PAUSE_NANOS;
  private long evicted;
  private long refaulted;

  /**
   * Of a pool.
   *
   * @param isDirectMemory whether its memory counts as the JVM's direct memory
   */
  PressureReclaim(Pool pool, boolean isDirectMemory) {
    this(pool, isDirectMemory, System::nanoTime);
  }

  /** With a clock of nanoseconds. */
  PressureReclaim(Pool pool, boolean isDirectMemory, LongSupplier clock) {
    this.pool = new WeakReference<>(pool);
    this.isDirectMemory = isDirectMemory;
    this.clock = clock;
    this.pausedUntil = clock.getAsLong();
  }

  /** Whether there is a pool, and it may still give buffers out. */
  @Override
  public boolean isNeeded() {
    Pool present = pool.get();
    return present != null && !present.lifecycle.hasEnded();
  }

  @Override
  public void pressure(PressureSource source) {
    boolean heeded = isDirectMemory || !(source instanceof DirectMemorySource);
    if (heeded && clock.getAsLong() - pausedUntil >= 0 && begun.compareAndSet(false, true)) {
      String where = source.name() + " " + source.where();
      try {
        BackgroundReclaim.execute(() -> run(where));
      } catch (OutOfMemoryError | RejectedExecutionException e) {
        begun.set(false); // tried again when pressure is told of again
      }
    }
  }

  private void run(String where) {
    try {
      relieve(where);
    } catch (RuntimeException | Error e) {
      LOG.log(Level.WARNING, "giving memory back under pressure failed: " + where, e);
    } finally {
      pausedUntil = clock.getAsLong() + pauseNanos;
      begun.set(false);
    }
  }

  private void relieve(String where) {
    Pool target = pool.get();
    PoolShrinker shrinker = target == null ? null : target.shrinker.get();
    if (target == null || shrinker == null || !target.lifecycle.isOpen()) {
      return; // lost, or on its way to be closed
    }
    ReclaimStatistics before = shrinker.statistics();
    boolean cameBack = evicted > 0 && before.refaultBytes() - refaulted >= evicted / 2;
    long given = shrinker.relieve();
    ReclaimStatistics after = shrinker.statistics();
    evicted = after.evictionBytes() - before.evictionBytes();
    refaulted = after.refaultBytes();
    pauseNanos =
        cameBack || given == 0
            ? Math.min(2 * pauseNanos, LONGEST_PAUSE_NANOS)
            : SHORTEST_PAUSE_NANOS;
    LOG.log(
        Level.DEBUG, "memory pressure, {0}: {1} B of {2} given back", where, given, target.name);
  }

  @Override
  public String toString() {
    Pool present = pool.get();
    return present == null ? "a heap that is lost" : present.name;
  }
}
