package io.github.dmabuf4j.benchmarks.command;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Ends a run properly when the program is interrupted. The JVM waits for its shutdown hooks, and
 * this one stops the run, ends its forks, and waits until {@link #close}, that is until the report
 * is written. The exit status is the JVM's then, 128 and the number of the signal.
 *
 * <p>Forks are looked for again and again until then: the run may have been about to start one when
 * it was stopped.
 */
final class Ending implements AutoCloseable {
  private static final long SECONDS_TO_END = 30;
  private static final long MILLIS_BETWEEN_LOOKS = 50;

  private final CountDownLatch ended = new CountDownLatch(1);
  private final Collector run;
  private final Thread hook = new Thread(this::begin, "dmabuf4j-interrupted");

  private Ending(Collector run) {
    this.run = run;
  }

  /** Waits for interrupts, or returns null if there was one already: then begin nothing. */
  static @Nullable Ending of(Collector run) {
    Ending ending = new Ending(run);
    try {
      Runtime.getRuntime().addShutdownHook(ending.hook);
      return ending;
    } catch (IllegalStateException e) {
      return null;
    }
  }

  private void begin() {
    run.stop();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS_TO_END);
    try {
      do {
        endForks();
      } while (!ended.await(MILLIS_BETWEEN_LOOKS, TimeUnit.MILLISECONDS)
          && System.nanoTime() - deadline < 0);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    endForks();
  }

  private static void endForks() {
    ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
  }

  @Override
  public void close() {
    ended.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // Being shut down, by this hook.
    }
  }
}
