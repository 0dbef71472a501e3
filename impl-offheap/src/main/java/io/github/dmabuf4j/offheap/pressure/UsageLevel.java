package io.github.dmabuf4j.offheap.pressure;

import java.time.Duration;

/**
 * Whether something is used up to its limit, with hysteresis: it is high from 90 % on, and until it
 * was below 85 % for {@link #QUIET} without a break. So what swings about a limit counts once, and
 * so does what is given back and taken again at once.
 *
 * <p><b>Threads.</b> One at a time.
 */
final class UsageLevel {
  /** How long it has to be low. */
  static final Duration QUIET = Duration.ofSeconds(10);

  private boolean high;
  private boolean quiet;
  private long quietSinceNanos;

  /**
   * Looks.
   *
   * @param used how much is in use
   * @param limit how much may be, above 0
   * @param nowNanos the time, as {@link System#nanoTime} tells it
   * @return whether it has just become high
   */
  boolean rises(long used, long limit, long nowNanos) {
    if (used >= limit - limit / 10) {
      boolean rises = !high;
      high = true;
      quiet = false;
      return rises;
    }
    if (used >= limit - limit / 20 * 3) {
      quiet = false;
    } else if (high && !quiet) {
      quiet = true;
      quietSinceNanos = nowNanos;
    } else if (high && nowNanos - quietSinceNanos >= QUIET.toNanos()) {
      high = false;
    }
    return false;
  }

  /** Whether it is high, by the last look. */
  boolean isHigh() {
    return high;
  }
}
