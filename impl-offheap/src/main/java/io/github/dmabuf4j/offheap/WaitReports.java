package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.Fences;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * When it is said that somebody waits for memory of a pool: by the first in line, if it has waited
 * for an interval, and once per interval whoever is the first by then. Those behind it wait for the
 * same memory, or for the first one.
 *
 * <p><b>Invariant.</b> An interval passes between two reports: {@code next} is the time of the last
 * one plus an interval, changed by CAS, and who changes it reports. Times are nanoseconds since
 * this object was made.
 */
final class WaitReports {
  private final long origin = System.nanoTime();
  private final long interval;
  private final AtomicLong next = new AtomicLong();

  /**
   * Begins with no report.
   *
   * @param interval in nanoseconds
   */
  WaitReports(long interval) {
    this.interval = Math.clamp(interval, 1, Long.MAX_VALUE >> 1);
  }

  /** Reports as often as a wait for a fence does. */
  static WaitReports likeFences() {
    return new WaitReports(TimeUnit.NANOSECONDS.convert(Fences.defaultTimeout()));
  }

  /** The time now. */
  long now() {
    return System.nanoTime() - origin;
  }

  /**
   * How long it is until the first in line is to report.
   *
   * @param since when its wait began
   * @param now the time now
   * @return nanoseconds, 0 or less if it is to report now
   */
  long untilDue(long since, long now) {
    return Math.max(since + interval, next.get()) - now;
  }

  /** Whether the first in line is to report now: then it does. */
  boolean begin(long since, long now) {
    long due = next.get();
    return since + interval <= now && due <= now && next.compareAndSet(due, now + interval);
  }
}
