package io.github.dmabuf4j.offheap.pressure;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Looks for memory pressure, on behalf of those who can give memory back: once a period, and when a
 * trigger of the kernel's fires.
 *
 * <p><b>Invariant.</b> While there are listeners there is one thread, and {@code thread} is it; the
 * sources are open for as long as it runs. It ends within a period after the last listener needs it
 * no more, and the next one to come begins another. Whether it goes on is decided under the lock,
 * so no listener is added to a thread that ends. It holds no heap: listeners refer to theirs
 * weakly.
 *
 * <p><b>Locks.</b> One, for the listeners and the thread, held for short; nobody is called with it
 * but {@link PressureListener#isNeeded}.
 *
 * <p><b>Threads.</b> Any may add. The watching one is a daemon: it may wait in the kernel, for a
 * period at most, and the JVM ends all the same.
 */
public final class PressureWatch {
  /** Of this process. */
  public static final PressureWatch OF_THIS_PROCESS =
      new PressureWatch(PressureSources::open, TimeUnit.SECONDS.toNanos(1));

  private static final System.Logger LOG = System.getLogger(PressureWatch.class.getName());
  private static final String THREAD_NAME = "dmabuf4j-pressure";

  private final Supplier<PressureSources> opening;
  private final long periodNanos;
  private final List<PressureListener> listeners = new ArrayList<>();
  private @Nullable Thread thread;

  /**
   * Watches.
   *
   * @param opening opens what to look at, on the watching thread
   * @param periodNanos how often to look
   */
  PressureWatch(Supplier<PressureSources> opening, long periodNanos) {
    this.opening = opening;
    this.periodNanos = periodNanos;
  }

  /** Adds somebody, until it isn't needed any more. */
  public synchronized void add(PressureListener listener) {
    listeners.add(listener);
    if (thread == null) {
      begin();
    }
  }

  private void begin() {
    Thread next =
        Thread.ofPlatform()
            .name(THREAD_NAME)
            .daemon()
            .inheritInheritableThreadLocals(false)
            .unstarted(this::watch);
    try {
      next.start();
      thread = next;
    } catch (OutOfMemoryError e) {
      LOG.log(Level.WARNING, "no thread to watch for memory pressure: tried with the next heap", e);
    }
  }

  private void watch() {
    try (PressureSources sources = opening.get()) {
      LOG.log(Level.DEBUG, sources::summary);
      while (isNeeded()) {
        sources.await(periodNanos);
        for (PressureSource source : sources.pressing()) {
          tell(source);
        }
      }
    } catch (RuntimeException | Error e) {
      LOG.log(Level.WARNING, "memory pressure isn't watched any more, until a heap is opened", e);
      end();
    }
  }

  /** Forgets who doesn't need it any more; if nobody does, the thread is none any more. */
  private synchronized boolean isNeeded() {
    listeners.removeIf(listener -> !listener.isNeeded());
    if (listeners.isEmpty()) {
      thread = null;
    }
    return thread != null;
  }

  /** After a failure: there may be another thread by now. */
  private synchronized void end() {
    if (thread == Thread.currentThread()) {
      thread = null;
    }
  }

  private synchronized List<PressureListener> listeners() {
    return List.copyOf(listeners);
  }

  private void tell(PressureSource source) {
    for (PressureListener listener : listeners()) {
      try {
        listener.pressure(source);
      } catch (RuntimeException | Error e) {
        LOG.log(Level.WARNING, listener + " failed to heed memory pressure", e);
      }
    }
  }
}
