package io.github.dmabuf4j.device.sharing;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * One time limit for a series of waits.
 *
 * @param start when it began, a {@link System#nanoTime()} value
 * @param limit how long it is, in nanoseconds, at least 0; what can't be counted never ends
 */
record TimeLeft(long start, long limit) {
  static TimeLeft of(Duration total) {
    return new TimeLeft(System.nanoTime(), Math.max(0, TimeUnit.NANOSECONDS.convert(total)));
  }

  /** In nanoseconds, at least 0. */
  long nanos() {
    return Math.max(0, limit - (System.nanoTime() - start));
  }

  Duration duration() {
    return Duration.ofNanos(nanos());
  }
}
