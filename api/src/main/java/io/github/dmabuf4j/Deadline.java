package io.github.dmabuf4j;

import java.time.Duration;

/** One time limit for a series of waits. */
final class Deadline {
  private final Duration total;
  private final long start;
  private final long limit;

  private Deadline(Duration total, long limit) {
    this.total = total;
    this.start = System.nanoTime();
    this.limit = limit;
  }

  static Deadline after(Duration total) {
    return new Deadline(total, nanos(total));
  }

  Duration left() {
    return Duration.ofNanos(Math.max(0, limit - (System.nanoTime() - start)));
  }

  void await(Fence fence) throws InterruptedException {
    if (!fence.await(left())) {
      throw FenceTimeoutException.afterDeadline(fence, total);
    }
  }

  void awaitUninterruptibly(Fence fence) {
    if (!fence.awaitUninterruptibly(left())) {
      throw FenceTimeoutException.afterDeadline(fence, total);
    }
  }

  /** A time in nanoseconds; what is too long to be counted never ends. */
  static long nanos(Duration time) {
    try {
      return time.toNanos();
    } catch (ArithmeticException e) {
      return time.isNegative() ? 0 : Long.MAX_VALUE;
    }
  }
}
