package io.github.dmabuf4j.offheap.pressure;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Pressure stall information: how long tasks waited for memory. A {@link StallTrigger} where the
 * kernel gives one; else the sum is read, and compared with that of the look before.
 *
 * <p><b>Invariant.</b> With a trigger nothing is compared; one that is gone is closed, and the file
 * is compared from then on. {@code total} is what the file said at {@code lookedNanos}.
 *
 * <p><b>Threads.</b> One at a time.
 */
public final class StallSource implements PressureSource {
  private static final System.Logger LOG = System.getLogger(StallSource.class.getName());
  static final String NAME = "PSI";

  private final KernelFile file;
  private final LongSupplier clock;
  private String withoutTrigger;
  private @Nullable StallTrigger trigger;
  private boolean fired;
  private long total;
  private long lookedNanos;

  private StallSource(
      KernelFile file, @Nullable StallTrigger trigger, String withoutTrigger, LongSupplier clock)
      throws IOException {
    this.file = file;
    this.trigger = trigger;
    this.withoutTrigger = withoutTrigger;
    this.clock = clock;
    this.total = readTotal(file);
    this.lookedNanos = clock.getAsLong();
  }

  /**
   * The first of some files that can be read.
   *
   * @param candidates where it may be, the best first; at least one
   * @param calls gives the system calls, where there is a file
   */
  static PressureSource open(
      List<Path> candidates, Supplier<TriggerCalls> calls, LongSupplier clock) {
    List<String> refusals = new ArrayList<>();
    for (Path candidate : candidates) {
      try {
        return open(new KernelFile(candidate), calls, clock);
      } catch (IOException e) {
        refusals.add(message(e));
      }
    }
    return new RefusedSource(NAME, String.join(", ", refusals));
  }

  private static StallSource open(KernelFile file, Supplier<TriggerCalls> calls, LongSupplier clock)
      throws IOException {
    long _ = readTotal(file); // before it is written to
    StallTrigger trigger = null;
    String without = "";
    try {
      trigger = StallTrigger.arm(calls, file.path());
    } catch (IOException e) {
      without = message(e);
    }
    boolean done = false;
    try {
      StallSource source = new StallSource(file, trigger, without, clock);
      done = true;
      return source;
    } finally {
      if (!done && trigger != null) {
        trigger.close();
      }
    }
  }

  private static String message(IOException e) {
    return Objects.requireNonNullElse(e.getMessage(), "it can't be read");
  }

  private static long readTotal(KernelFile file) throws IOException {
    return file.number("some", "total=");
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String where() {
    return trigger != null
        ? "trigger on " + file.path()
        : "polled at %s (no trigger: %s)".formatted(file.path(), withoutTrigger);
  }

  /** Whether it has a trigger to wait for. */
  boolean canAwait() {
    return trigger != null;
  }

  /** Waits until the trigger fires, but no longer than that; returns at once where it is gone. */
  void await(long nanos) {
    StallTrigger present = trigger;
    if (present == null) {
      return;
    }
    switch (present.await(nanos)) {
      case FIRED -> fired = true;
      case SILENT -> {}
      case GONE -> {
        close();
        withoutTrigger = "the kernel dropped it";
        LOG.log(Level.DEBUG, "{0}: {1}", NAME, where());
      }
    }
  }

  @Override
  public boolean isPressing() {
    boolean told = fired;
    fired = false;
    return told || (trigger == null && hasStalled());
  }

  private boolean hasStalled() {
    long now = clock.getAsLong();
    long micros = TimeUnit.NANOSECONDS.toMicros(now - lookedNanos);
    try {
      long before = total;
      total = readTotal(file);
      lookedNanos = now;
      // 15 % of the time; less than none after the file began anew
      return micros > 0
          && (total - before) >= micros * StallTrigger.STALL_MICROS / StallTrigger.WINDOW_MICROS
          && total > before;
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "stalls can't be read now", e);
      return false;
    }
  }

  @Override
  public void close() {
    StallTrigger present = trigger;
    trigger = null;
    if (present != null) {
      present.close();
    }
  }
}
