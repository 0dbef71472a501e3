package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.spi.Exporter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Writes down what exporters are called for: each call with its thread, and whether that thread had
 * a reservation of those that are {@linkplain #watch watched}. It is given to whoever makes the
 * exporters, and wraps each one. An {@linkplain #intercept interceptor} behind it may make calls
 * fail, or hold them up.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. A call is written down before it is
 * made.
 */
public final class Recorder implements UnaryOperator<Exporter> {
  /**
   * One call.
   *
   * @param callback which one
   * @param thread who called
   * @param reservationHeld whether the thread had a watched reservation
   * @param attachment whom it was about, or null
   * @param argument what it was given, see {@link Interceptor.Call#argument}
   */
  public record Entry(
      Callback callback,
      Thread thread,
      boolean reservationHeld,
      @Nullable Attachment attachment,
      @Nullable Object argument) {}

  private final List<Entry> entries = new CopyOnWriteArrayList<>();
  private final List<Callback> failed = new CopyOnWriteArrayList<>();
  private final Set<Reservation> watched = new CopyOnWriteArraySet<>();
  private volatile Interceptor next = Interceptor.Call::proceed;

  /** Creates one that has seen nothing and lets every call through. */
  public Recorder() {}

  @Override
  public Exporter apply(Exporter real) {
    return InterceptingExporter.of(real, this::record);
  }

  private @Nullable Object record(Interceptor.Call call) {
    boolean held = watched.stream().anyMatch(Reservation::isHeldByCurrentThread);
    entries.add(
        new Entry(
            call.callback(), Thread.currentThread(), held, call.attachment(), call.argument()));
    boolean returned = false;
    try {
      Object answer = next.intercept(call);
      returned = true;
      return answer;
    } finally {
      if (!returned) {
        failed.add(call.callback());
      }
    }
  }

  /**
   * From now on, notes whether this reservation is held.
   *
   * @param reservation of a buffer whose exporter is recorded
   */
  public void watch(Reservation reservation) {
    watched.add(reservation);
  }

  /**
   * From now on, shows each call to somebody who may change its outcome.
   *
   * @param interceptor makes the calls, or doesn't
   */
  public void intercept(Interceptor interceptor) {
    next = interceptor;
  }

  /** From now on, lets every call through. */
  public void letThrough() {
    next = Interceptor.Call::proceed;
  }

  /** Forgets the calls so far. */
  public void clear() {
    entries.clear();
    failed.clear();
  }

  /**
   * The calls so far.
   *
   * @return a copy, oldest first
   */
  public List<Entry> entries() {
    return new ArrayList<>(entries);
  }

  /**
   * The callbacks so far.
   *
   * @return a copy, oldest first
   */
  public List<Callback> callbacks() {
    return entries.stream().map(Entry::callback).toList();
  }

  /**
   * The callbacks after those that were seen earlier.
   *
   * @param seen how many there were, the size of {@link #callbacks} then
   * @return a copy, oldest first
   */
  public List<Callback> callbacksAfter(int seen) {
    List<Callback> all = callbacks();
    return all.subList(seen, all.size());
  }

  /**
   * How often a callback was called.
   *
   * @param callback which one
   * @return the number of calls so far
   */
  public int count(Callback callback) {
    return (int) entries.stream().filter(entry -> entry.callback() == callback).count();
  }

  /**
   * How often a callback threw something.
   *
   * @param callback which one
   * @return how many of the calls so far
   */
  public int failed(Callback callback) {
    return (int) failed.stream().filter(one -> one == callback).count();
  }

  @Override
  public String toString() {
    return "recorder of " + callbacks();
  }
}
