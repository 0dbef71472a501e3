package io.github.dmabuf4j.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.tck.exporters.Callback;
import io.github.dmabuf4j.tck.exporters.Interceptor;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes an exporter fail: a use of a buffer is repeated for each callback that it calls and for
 * each kind of failure, with a fresh buffer each time. Whatever fails, the caller hears of it,
 * nothing is left behind, the buffer can be used again, and it is released once.
 *
 * <p>A callback that begins something fails before it has; one that undoes something, afterwards.
 */
final class Faults {
  /** A use of a buffer that leaves it as it was, on whichever path it ends. */
  @FunctionalInterface
  interface Use {
    void use(DmaBuf buffer) throws Exception;
  }

  private static final List<Supplier<Throwable>> KINDS =
      List.of(
          () -> new IllegalStateException("thrown on purpose"),
          () -> new DmaBufException("test", Errno.ENOMEM, "thrown on purpose", null),
          () -> new OutOfMemoryError("thrown on purpose"));

  private final Bench bench;
  private final Use use;

  /** Whether a failure may be logged instead: of reclaim, which goes on with others. */
  private final boolean mayBeLogged;

  /** How many calls come before the end of the buffer. */
  private int callsOfTheUse;

  private Faults(Bench bench, Use use, boolean mayBeLogged) {
    this.bench = bench;
    this.use = use;
    this.mayBeLogged = mayBeLogged;
  }

  /** Makes each callback of a use fail in turn. */
  static void inEachCallbackOf(Bench bench, Use use) throws Exception {
    new Faults(bench, use, false).inEachCallback();
  }

  /** The same of a use with an attempt at reclaim, which may log what fails. */
  static void inEachCallbackOfReclaim(Bench bench, Use use) throws Exception {
    new Faults(bench, use, true).inEachCallback();
  }

  private void inEachCallback() throws Exception {
    List<Callback> calls = callsOfAGoodRun();
    for (int position = 0; position < calls.size(); position++) {
      for (Supplier<Throwable> kind : KINDS) {
        Throwable failure = kind.get();
        failure.setStackTrace(new StackTraceElement[0]); // the core logs some of them
        failAt(position, calls.get(position), failure);
      }
    }
    bench.recorder().clear(); // what failed has no counterpart
  }

  private List<Callback> callsOfAGoodRun() throws Exception {
    bench.recorder().letThrough();
    bench.recorder().clear();
    DmaBuf buffer = bench.heap().allocate(Bench.SIZE);
    use.use(buffer);
    callsOfTheUse = bench.recorder().callbacks().size();
    buffer.close();
    List<Callback> calls = bench.recorder().callbacks();
    assertEquals(Callback.RELEASE, calls.getLast(), "a good run");
    return calls;
  }

  private void failAt(int position, Callback expected, Throwable failure) {
    Injection injection = new Injection(position, failure);
    bench.recorder().clear();
    bench.recorder().intercept(injection);
    DmaBuf buffer = bench.heap().allocate(Bench.SIZE);
    String what = "%s in call %d, %s".formatted(failure.getClass(), position, expected);
    @Nullable Throwable thrown = thrownBy(() -> use.use(buffer));
    assertNothingLeft(buffer, what);
    if (injection.done()) {
      assertHeard(failure, thrown, what);
      Throwable again = thrownBy(() -> use.use(buffer));
      if (again != null) {
        throw new AssertionError("not usable any more after " + what, again);
      }
      buffer.close();
    } else { // it comes with the end
      assertHeard(failure, thrownBy(buffer::close), what);
    }
    assertEquals(1, bench.recorder().count(Callback.RELEASE), () -> "releases after " + what);
    assertEquals(0, bench.heap().statistics().liveBuffers(), () -> "live after " + what);
    injection.assertBalanced(what);
  }

  private static @Nullable Throwable thrownBy(Worker.Body body) {
    try {
      body.run();
      return null;
    } catch (Exception | Error e) {
      return e;
    }
  }

  /** The failure itself, or an exception that has it as a cause or on the side. */
  private void assertHeard(Throwable failure, @Nullable Throwable thrown, String what) {
    boolean logged = thrown == null && mayBeLogged && !(failure instanceof Error);
    if (!logged && (thrown == null || !contains(thrown, failure))) {
      throw new AssertionError("nobody was told of " + what, thrown);
    }
  }

  private static boolean contains(Throwable thrown, Throwable failure) {
    return thrown == failure
        || Stream.concat(Stream.ofNullable(thrown.getCause()), Stream.of(thrown.getSuppressed()))
            .anyMatch(inner -> contains(inner, failure));
  }

  private static void assertNothingLeft(DmaBuf buffer, String what) {
    assertFalse(buffer.reservation().isLocked(), () -> "the reservation is held after " + what);
    BufInfo.Buffer info = buffer.info();
    assertEquals(0, info.holds(), () -> "holds after " + what);
    assertEquals(0, info.pins(), () -> "pins after " + what);
    assertEquals(List.of(), info.attachments(), () -> "attachments after " + what);
    assertEquals(List.of(), info.fences(), () -> "fences after " + what);
    assertEquals(2, info.references(), () -> "references after " + what);
  }

  /** Lets one call fail, and counts what was done and undone. */
  private static final class Injection implements Interceptor {
    private final int position;
    private final Throwable failure;
    private final Map<Callback, Integer> counts = new EnumMap<>(Callback.class);
    private int calls;
    private boolean done;

    Injection(int position, Throwable failure) {
      this.position = position;
      this.failure = failure;
    }

    @Override
    public synchronized @Nullable Object intercept(Call call) {
      boolean failing = calls++ == position;
      done |= failing;
      if (!failing || call.callback().isUndoing()) {
        counts.merge(call.callback(), 1, Integer::sum);
        Object answer = call.proceed();
        if (!failing) {
          return answer;
        }
      }
      if (failure instanceof Error error) {
        throw error;
      }
      throw (RuntimeException) failure;
    }

    synchronized boolean done() {
      return done;
    }

    void assertBalanced(String what) {
      for (Map.Entry<Callback, Callback> pair : PAIRS.entrySet()) {
        assertEquals(
            counts.getOrDefault(pair.getKey(), 0),
            counts.getOrDefault(pair.getValue(), 0),
            () -> "%s after %s: %s".formatted(pair, what, counts));
      }
    }
  }

  private static final Map<Callback, Callback> PAIRS =
      Map.of(
          Callback.ATTACH, Callback.DETACH,
          Callback.MAP, Callback.UNMAP,
          Callback.VMAP, Callback.VUNMAP,
          Callback.PIN, Callback.UNPIN,
          Callback.BEGIN_CPU_ACCESS, Callback.END_CPU_ACCESS);

  /**
   * Holds each callback of a use up in turn: meanwhile others can ask about the buffer, close
   * handles and use other buffers, and only who needs what is taken waits.
   */
  static void slowEachCallbackOf(Bench bench, Use use) throws Exception {
    Faults faults = new Faults(bench, use, false);
    List<Callback> calls = faults.callsOfAGoodRun();
    DmaBuf other = bench.allocate();
    for (int position = 0; position < calls.size(); position++) {
      faults.slowAt(position, calls.get(position), other);
    }
    bench.recorder().letThrough();
    other.close();
    bench.recorder().clear();
  }

  private void slowAt(int position, Callback expected, DmaBuf other) throws Exception {
    DmaBuf buffer = bench.heap().allocate(Bench.SIZE);
    DmaBuf handle = buffer.dup();
    boolean atTheEnd = position >= callsOfTheUse;
    if (atTheEnd) {
      handle.close(); // the other thread's is the last one
    }
    Gate gate = new Gate(position);
    bench.recorder().intercept(gate);
    List<DmaBuf> mine = new ArrayList<>(List.of(buffer));
    Worker user =
        Worker.start(
            () -> {
              use.use(buffer);
              mine.forEach(DmaBuf::close);
            });
    Worker.until(gate::isReached);
    bench.recorder().letThrough();
    if (!atTheEnd) {
      assertTrue(handle.info().references() > 0, () -> "a report during " + expected);
      boolean free = handle.reservation().tryLock();
      if (free) {
        handle.reservation().unlock();
      }
      if (expected.lock() != Callback.Lock.EITHER) {
        assertEquals(expected.lock() == Callback.Lock.NOT_HELD, free, expected::toString);
      }
      handle.close();
    }
    assertFalse(bench.heap().info().buffers().isEmpty(), () -> "a report during " + expected);
    Pattern.write(other, position); // other buffers aren't concerned
    gate.open();
    user.join();
    Pattern.assertIn(other, position);
    assertEquals(1, bench.heap().statistics().liveBuffers(), () -> "the other, after " + expected);
  }

  /** Holds one call up. */
  private static final class Gate implements Interceptor {
    private final int position;
    private int calls;
    private boolean reached;
    private boolean open;

    Gate(int position) {
      this.position = position;
    }

    @Override
    public @Nullable Object intercept(Call call) {
      boolean mine;
      synchronized (this) {
        mine = calls++ == position;
        reached |= mine;
      }
      if (mine) {
        Worker.until(this::isOpen);
      }
      return call.proceed();
    }

    synchronized boolean isReached() {
      return reached;
    }

    private synchronized boolean isOpen() {
      return open;
    }

    synchronized void open() {
      open = true;
    }
  }
}
