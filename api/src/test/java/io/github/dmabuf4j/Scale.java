package io.github.dmabuf4j;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * The sizes and times of the conformance table, scaled: {@code -Ddmabuf4j.conformance.scale=1} runs
 * the rows as they stand there, which takes minutes.
 */
final class Scale {
  private static final double SCALE =
      Double.parseDouble(System.getProperty("dmabuf4j.conformance.scale", "0.05"));

  /** The table's ncpu: so many that threads get in each other's way on any machine. */
  static final int CPUS = Math.max(8, Runtime.getRuntime().availableProcessors());

  private Scale() {}

  /** A time of the table. */
  static long nanos(double seconds) {
    return (long) (seconds * SCALE * 1e9);
  }

  /** A size of the table, but not less than what makes sense. */
  static int size(int full, int least) {
    return Math.max(least, (int) Math.min(full, full * SCALE));
  }

  /** True until a time of the table is over. */
  static BooleanSupplier time(double seconds) {
    long end = System.nanoTime() + nanos(seconds);
    return () -> System.nanoTime() - end < 0;
  }

  /** Lets others run into what this thread holds, for 1 to 2 ms of the table. */
  static void idle() {
    LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(Math.max(50, (long) (1500 * SCALE))));
  }
}
