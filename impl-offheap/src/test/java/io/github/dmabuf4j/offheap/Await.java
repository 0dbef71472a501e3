package io.github.dmabuf4j.offheap;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Waits for a state and not for a time: polls until a condition holds, and fails at a deadline,
 * which is shorter than the one after which a thread that missed a wake-up would look around by
 * itself.
 */
final class Await {
  private static final long DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private Await() {}

  static void until(String what, BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > DEADLINE_NANOS) {
        throw new AssertionError("waited 20 s in vain until " + what);
      }
      LockSupport.parkNanos(100_000);
    }
  }

  /** Until a thread waits for memory. */
  static void blocked(Thread thread) {
    until(
        thread + " waits for memory",
        () -> {
          for (StackTraceElement frame : thread.getStackTrace()) {
            if (frame.getClassName().equals(Supply.class.getName())
                && frame.getMethodName().equals("awaitTurn")) {
              return thread.getState() == Thread.State.WAITING
                  || thread.getState() == Thread.State.TIMED_WAITING;
            }
          }
          return false;
        });
  }

  static void joined(Thread thread) throws InterruptedException {
    thread.join(20_000);
    if (thread.isAlive()) {
      throw new AssertionError(
          thread
              + " didn't end within 20 s; it is at "
              + java.util.List.of(thread.getStackTrace()));
    }
  }
}
