package io.github.dmabuf4j.tck;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * A second thread of a test: what it throws fails the test, and it is waited for with a limit.
 *
 * <p><b>Threads.</b> Used by the thread that started it.
 */
final class Worker {
  /** The system property that sets {@link #limit}, in seconds: 10 unless said otherwise. */
  static final String LIMIT_PROPERTY = "dmabuf4j.tck.limit.seconds";

  /** No test waits longer for anything; nothing is asserted about less. */
  static Duration limit() {
    return Duration.ofSeconds(Long.getLong(LIMIT_PROPERTY, 10));
  }

  /** What it does. */
  @FunctionalInterface
  interface Body {
    void run() throws Exception;
  }

  private final Thread thread;
  private final FutureTask<Boolean> task;

  private Worker(Body body) {
    task =
        new FutureTask<>(
            () -> {
              body.run();
              return true;
            });
    thread = Thread.ofPlatform().daemon().name("kit-worker").start(task);
  }

  static Worker start(Body body) {
    return new Worker(body);
  }

  Thread thread() {
    return thread;
  }

  boolean isAlive() {
    return thread.isAlive();
  }

  /** Waits for the end; throws what the thread threw. */
  void join() throws InterruptedException {
    try {
      boolean _ = task.get(limit().toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw new AssertionError("the other thread of the test failed", e.getCause());
    } catch (TimeoutException e) {
      AssertionError stuck = new AssertionError("the other thread of the test is stuck", e);
      stuck.setStackTrace(thread.getStackTrace());
      thread.interrupt();
      throw stuck;
    }
  }

  /** Waits until the thread waits for something. */
  Worker awaitBlocked() {
    until(
        () ->
            switch (thread.getState()) {
              case WAITING, TIMED_WAITING, BLOCKED, TERMINATED -> true;
              case NEW, RUNNABLE -> false;
            });
    if (task.isDone()) {
      throw new AssertionError("the other thread of the test went on instead of waiting");
    }
    return this;
  }

  /** Waits for a latch that another thread will open. */
  static void await(CountDownLatch latch) {
    until(() -> latch.getCount() == 0);
  }

  /** Waits for something that another thread will bring about. */
  static void until(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > limit().toNanos()) {
        throw new AssertionError("did not come about within " + limit());
      }
      LockSupport.parkNanos(50_000);
    }
  }
}
