package io.github.dmabuf4j.device.sharing;

import java.time.Duration;

/**
 * One time limit for a series of waits.
 *
 * @param start when it began, a {@link System#nanoTime()} value
 * @param limit how long it is, in nanoseconds
 */
record TimeLeft(long start, long limit) {
  static TimeLeft of(Duration total) {
    return new TimeLeft(System.nanoTime(), nanos(total));
  }

  /** What is too long to be counted never ends. */
  private static long nanos(Duration total) {
    try {
      return total.toNanos();
    } catch (ArithmeticException e) {
      return total.isNegative() ? 0 : Long.MAX_VALUE;
    }
  }

  /** In nanoseconds, at least 0. */
  long nanos() {
    return Math.max(0, limit - (System.nanoTime() - start));
  }

  Duration duration() {
    return Duration.ofNanos(nanos());
  }
}
