package io.github.dmabuf4j.examples;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Ends a run properly when the program is interrupted: the JVM waits for its shutdown hooks, and
 * this one waits until {@link #close}, that is until the last line is printed. The exit status is
 * the JVM's then, 128 and the number of the signal, whatever the program says.
 */
final class Ending implements AutoCloseable {
  private static final long SECONDS_TO_END = 10;

  private final CountDownLatch ended = new CountDownLatch(1);
  private final Thread hook = new Thread(this::begin, "dmabuf4j-interrupted");

  // Guarded by this.
  private @Nullable Runnable stop;
  private boolean begun;

  private Ending() {}

  /** Waits for interrupts, or returns null if there was one already: then begin nothing. */
  static @Nullable Ending prepare() {
    Ending ending = new Ending();
    try {
      Runtime.getRuntime().addShutdownHook(ending.hook);
      return ending;
    } catch (IllegalStateException e) {
      return null;
    }
  }

  /** How to stop what runs; that is done at once if it was asked for before. */
  synchronized void concerns(Runnable toStop) {
    stop = toStop;
    if (begun) {
      toStop.run();
    }
  }

  synchronized boolean hasBegun() {
    return begun;
  }

  private void begin() {
    synchronized (this) {
      begun = true;
      if (stop != null) {
        stop.run();
      }
    }
    try {
      ended.await(SECONDS_TO_END, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
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
