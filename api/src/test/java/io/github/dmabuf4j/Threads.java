package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Threads of tests: they start together, are waited for with a limit, and what they throw fails the
 * test.
 */
final class Threads {
  /** No test waits longer than this for anything; nothing asserts on time below it. */
  static final long LIMIT_SECONDS = Long.getLong("dmabuf4j.test.limit.seconds", 60);

  /** How long each stress test runs, whatever it would run by itself. */
  private static final String STRESS_PROPERTY = "dmabuf4j.stress.seconds";

  private Threads() {}

  /** What a thread of a test does. */
  @FunctionalInterface
  interface Body {
    void run() throws Exception;
  }

  /** A thread of a test with its outcome. */
  record Started(Thread thread, FutureTask<Boolean> task) {
    /** Waits for the end; throws what the thread threw. */
    void join() throws Exception {
      try {
        assertThat(task.get(LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
      } catch (ExecutionException e) {
        throw new AssertionError(thread + " failed", e.getCause());
      } catch (TimeoutException e) {
        AssertionError stuck = new AssertionError(thread + " is stuck", e);
        stuck.setStackTrace(thread.getStackTrace());
        thread.interrupt();
        throw stuck;
      }
    }

    /** Waits until the thread is parked or blocked. */
    Started awaitBlocked() {
      until(
          () -> {
            Thread.State state = thread.getState();
            return state == Thread.State.WAITING
                || state == Thread.State.TIMED_WAITING
                || state == Thread.State.BLOCKED
                || state == Thread.State.TERMINATED;
          });
      assertThat(thread.getState()).isNotEqualTo(Thread.State.TERMINATED);
      return this;
    }
  }

  static Started platform(Body body) {
    FutureTask<Boolean> task = task(body);
    return new Started(Thread.ofPlatform().daemon().start(task), task);
  }

  static Started virtual(Body body) {
    FutureTask<Boolean> task = task(body);
    return new Started(Thread.ofVirtual().start(task), task);
  }

  private static FutureTask<Boolean> task(Body body) {
    return new FutureTask<>(
        () -> {
          body.run();
          return true;
        });
  }

  /** Runs the bodies at the same time and waits for all. */
  static void together(Body... bodies) throws Exception {
    together(List.of(bodies));
  }

  static void together(List<Body> bodies) throws Exception {
    together(false, bodies);
  }

  /** Runs the bodies at the same time, on platform or virtual threads, and waits for all. */
  static void together(boolean virtual, List<Body> bodies) throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    List<Started> started = new ArrayList<>();
    for (Body body : bodies) {
      Body together =
          () -> {
            go.await();
            body.run();
          };
      started.add(virtual ? virtual(together) : platform(together));
    }
    go.countDown();
    for (Started one : started) {
      one.join();
    }
  }

  /**
   * Runs two bodies against each other again and again for the time of a stress test; they leave a
   * spinning barrier at the same instant.
   */
  static void race(Runnable before, Body first, Body second, Runnable after) throws Exception {
    AtomicInteger round = new AtomicInteger(); // negative: over
    AtomicInteger arrived = new AtomicInteger();
    AtomicInteger ended = new AtomicInteger();
    Started helper =
        platform(
            () -> {
              for (int i = 1; ; i++) {
                while (round.get() >= 0 && round.get() < i) {
                  Thread.onSpinWait();
                }
                if (round.get() < 0) {
                  return;
                }
                arrived.set(i);
                second.run();
                ended.set(i);
              }
            });
    BooleanSupplier going = stressTime();
    try {
      for (int i = 1; i == 1 || going.getAsBoolean(); i++) {
        before.run();
        round.set(i);
        while (arrived.get() < i) {
          Thread.onSpinWait();
        }
        first.run();
        while (ended.get() < i) {
          if (helper.task().isDone()) {
            helper.join(); // throws
          }
          Thread.onSpinWait();
        }
        after.run();
      }
    } finally {
      round.set(-1);
    }
    helper.join();
  }

  /** When a stress test is to stop. */
  static BooleanSupplier stressTime() {
    return stressTime(0.4);
  }

  /**
   * When a stress test is to stop that has a time of its own, such as a row of the conformance
   * table.
   */
  static BooleanSupplier stressTime(double seconds) {
    double time = Double.parseDouble(System.getProperty(STRESS_PROPERTY, "" + seconds));
    long end = System.nanoTime() + (long) (time * 1e9);
    return () -> System.nanoTime() - end < 0;
  }

  /** Waits for something that another thread will bring about. */
  static void until(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(LIMIT_SECONDS)) {
        throw new AssertionError("did not come about within " + LIMIT_SECONDS + " s");
      }
      LockSupport.parkNanos(20_000);
    }
  }

  /** Waits for something that the garbage collector will bring about. */
  static void untilCollected(BooleanSupplier condition) {
    until(
        () -> {
          System.gc();
          return condition.getAsBoolean();
        });
  }
}
