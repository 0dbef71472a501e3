package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What the fences of one context have in common, reachable from them without keeping the producer
 * alive: that is how a lost {@link FenceContext} is noticed (design rule FN1).
 *
 * <p>An origin is <i>ordered</i> (a context: its fences are numbered and signal in order) or not
 * (each fence is the only one of a context of its own, such as that of a CPU access; the numbers of
 * such contexts are negative).
 *
 * <p><b>Invariant</b> of an ordered origin: following {@code previous} from {@code tail} meets
 * every pending fence, newest first. A fence is linked before the CAS that makes it the tail, and
 * cut off only from fences that have signaled, before which, by the order of signals, all have.
 */
final class FenceOrigin {
  private static final VarHandle TAIL;

  static {
    try {
      TAIL = MethodHandles.lookup().findVarHandle(FenceOrigin.class, "tail", Fence.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final AtomicLong NEXT_CONTEXT = new AtomicLong(1);
  private static final AtomicLong NEXT_SINGLE = new AtomicLong(1);

  static final FenceOrigin STUB =
      new FenceOrigin("host", "stub", Fence.Kind.HOST, true, false, Long.MAX_VALUE, null);

  /** CPU accesses in closure form: the end of the closure signals, so nobody can lose them. */
  static final FenceOrigin CPU_ACCESS = single("cpu-access");

  /** Jobs without an order: what publishes the fence watches for its own loss. */
  static final FenceOrigin JOB = single("job");

  /** Containers: they signal when their parts do. */
  static final FenceOrigin CONTAINER = single("container");

  final String driverName;
  final String timelineName;
  final Fence.Kind kind;
  final boolean timestamps;
  final long silenceNanos;
  final FenceContext.@Nullable Operations operations;
  final long context;
  private volatile @Nullable Fence tail;
  private volatile boolean closed;

  private FenceOrigin(
      String driverName,
      String timelineName,
      Fence.Kind kind,
      boolean ordered,
      boolean timestamps,
      long silenceNanos,
      FenceContext.@Nullable Operations operations) {
    this.driverName = driverName;
    this.timelineName = timelineName;
    this.kind = kind;
    this.timestamps = timestamps;
    this.silenceNanos = silenceNanos;
    this.operations = operations;
    this.context = ordered ? NEXT_CONTEXT.getAndIncrement() : 0;
  }

  static FenceOrigin ordered(FenceContext.Builder builder) {
    return new FenceOrigin(
        builder.driverName,
        builder.timelineName,
        builder.kind,
        true,
        builder.timestamps,
        builder.silenceNanos,
        builder.operations);
  }

  private static FenceOrigin single(String timelineName) {
    return new FenceOrigin(
        "host", timelineName, Fence.Kind.HOST, false, false, Long.MAX_VALUE, null);
  }

  boolean isOrdered() {
    return context != 0;
  }

  /** A number for the only fence of a new context of an origin that isn't ordered. */
  static long nextSingle() {
    return NEXT_SINGLE.getAndIncrement();
  }

  /** Makes a new fence the next one of an ordered origin, which is its own. */
  <F extends Fence> F append(F fence) {
    if (!closed) {
      link(fence);
      // Partner: close() writes `closed`, then reads `tail`. One of the two sees the other.
      if (!closed) {
        return fence;
      }
      // Not this fence alone: close() may meet it signaled, and would take all before it for
      // signaled too.
      failPending();
    }
    throw new IllegalStateException("the fence context " + this + " is closed");
  }

  private void link(Fence fence) {
    while (true) {
      Fence last = tail;
      fence.linkAfter(last, last == null ? 1 : last.rawSeqno() + 1);
      if (TAIL.compareAndSet(this, last, fence)) {
        break;
      }
    }
  }

  /** Fails everything pending, oldest first. */
  void close() {
    closed = true;
    failPending();
  }

  private void failPending() {
    for (Fence fence : pending()) {
      fence.signal(abandoned());
    }
  }

  boolean isClosed() {
    return closed;
  }

  /** The pending fences, oldest first. */
  Deque<Fence> pending() {
    return pendingUpTo(tail);
  }

  /** The pending fences of a context up to one of them, oldest first. */
  static Deque<Fence> pendingUpTo(@Nullable Fence last) {
    Deque<Fence> pending = new ArrayDeque<>();
    for (Fence fence = last; fence != null && !fence.isSignaled(); fence = fence.previous()) {
      pending.addFirst(fence);
    }
    return pending;
  }

  private FenceAbandonedException abandoned() {
    return new FenceAbandonedException(
        "signal", "the fence context " + this + " was closed or lost before its work was done");
  }

  @Override
  public String toString() {
    return "%s/%s %d".formatted(driverName, timelineName, context);
  }
}
