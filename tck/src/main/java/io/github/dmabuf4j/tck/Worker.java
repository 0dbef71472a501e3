package io.github.dmabuf4j.tck;

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
  /** No test waits longer for anything; nothing is asserted about less. */
  static final long LIMIT_SECONDS = 10;

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

  /** Waits for the end; throws what the thread threw. */
  void join() throws InterruptedException {
    try {
      boolean _ = task.get(LIMIT_SECONDS, TimeUnit.SECONDS);
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

  /** Waits for something that another thread will bring about. */
  static void until(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(LIMIT_SECONDS)) {
        throw new AssertionError("did not come about within " + LIMIT_SECONDS + " s");
      }
      LockSupport.parkNanos(50_000);
    }
  }
}
