package io.github.dmabuf4j.offheap.pressure;

import io.github.dmabuf4j.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * A trigger of the kernel's on a file of its pressure stall information: it fires at most once in
 * {@link #WINDOW_MICROS}, while tasks stall for longer than {@link #STALL_MICROS} in that time.
 *
 * <p><b>Invariant.</b> The descriptor is open from {@link #arm} to {@link #close}, and closed once.
 *
 * <p><b>Threads.</b> One at a time.
 *
 * <p>Source: psi_trigger_create and psi_trigger_poll in kernel/sched/psi.c.
 */
final class StallTrigger implements AutoCloseable {
  /** The least that the kernel allows processes without privileges: they get multiples of it. */
  static final long WINDOW_MICROS = 2_000_000;

  /** A share of 15 % of the window. */
  static final long STALL_MICROS = 300_000;

  private static final String REQUEST = "some " + STALL_MICROS + " " + WINDOW_MICROS;

  /** What came of waiting. */
  enum Outcome {
    /** It fired. */
    FIRED,
    /** It didn't, in time. */
    SILENT,
    /** It will not any more: the kernel dropped it. To be closed. */
    GONE
  }

  private final TriggerCalls calls;
  private final int descriptor;
  private boolean closed;

  private StallTrigger(TriggerCalls calls, int descriptor) {
    this.calls = calls;
    this.descriptor = descriptor;
  }

  /**
   * Sets one up.
   *
   * @throws IOException if it is refused: the message names the call and the error
   */
  static StallTrigger arm(Supplier<TriggerCalls> system, Path file) throws IOException {
    if (Files.size(file) > 0) { // of the kernel's none has a size: this would be overwritten
      throw new IOException("not a file of the kernel's: it has a size");
    }
    TriggerCalls calls = system.get();
    int descriptor = calls.open(file);
    if (descriptor < 0) {
      throw new IOException("open: " + name(-descriptor));
    }
    int written = calls.write(descriptor, REQUEST);
    if (written < 0) {
      int _ = calls.close(descriptor);
      throw new IOException("write: " + name(-written));
    }
    return new StallTrigger(calls, descriptor);
  }

  /** The name of an error, for messages. */
  private static String name(int error) {
    return Arrays.stream(Errno.values())
        .filter(known -> known.number() == error)
        .map(Errno::name)
        .findFirst()
        .orElse("errno " + error);
  }

  /** Waits until it fires, but no longer than that. Goes on after a signal. */
  Outcome await(long nanos) {
    long deadline = System.nanoTime() + nanos;
    while (true) {
      long left = Math.max(0, deadline - System.nanoTime());
      int events = calls.poll(descriptor, (int) TimeUnit.NANOSECONDS.toMillis(left));
      if (events >= 0) {
        return events == 0 ? Outcome.SILENT : outcome(events);
      }
      if (events != -Errno.EINTR.number()) {
        return Outcome.GONE;
      }
    }
  }

  private static Outcome outcome(int events) {
    boolean firedOnly =
        (events & TriggerCalls.POLLPRI) != 0 && (events & ~TriggerCalls.POLLPRI) == 0;
    return firedOnly ? Outcome.FIRED : Outcome.GONE;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      int _ = calls.close(descriptor);
    }
  }
}
