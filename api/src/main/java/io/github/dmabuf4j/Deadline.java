package io.github.dmabuf4j;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One time limit for a series of waits. */
final class Deadline {
  private final Duration total;
  private final long start;
  private final long limit;
  private final @Nullable Object waiter;

  private Deadline(Duration total, long limit, @Nullable Object waiter) {
    this.waiter = waiter;
    this.total = total;
    this.start = System.nanoTime();
    this.limit = limit;
  }

  static Deadline after(Duration total) {
    return new Deadline(total, nanos(total), null);
  }

  /** A limit for what somebody waits for, who is named in reports. */
  static Deadline after(Duration total, Object waiter) {
    return new Deadline(total, nanos(total), waiter);
  }

  Duration left() {
    return Duration.ofNanos(Math.max(0, limit - (System.nanoTime() - start)));
  }

  void await(Fence fence) throws InterruptedException {
    if (!fence.await(left())) {
      throw late(fence);
    }
  }

  void awaitUninterruptibly(Fence fence) {
    if (!fence.awaitUninterruptibly(left())) {
      throw late(fence);
    }
  }

  void awaitAll(List<Fence> fences) throws InterruptedException {
    for (Fence fence : fences) {
      await(fence);
    }
  }

  void awaitAllUninterruptibly(List<Fence> fences) {
    for (Fence fence : fences) {
      awaitUninterruptibly(fence);
    }
  }

  private FenceTimeoutException late(Fence fence) {
    Thread thread = Thread.currentThread();
    return FenceTimeoutException.afterDeadline(
        fence, total, waiter == null ? thread : thread + " for " + waiter);
  }

  /** A time in nanoseconds, at least 0; what is too long to be counted never ends. */
  static long nanos(Duration time) {
    return Math.max(0, TimeUnit.NANOSECONDS.convert(time));
  }
}
