package io.github.dmabuf4j;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A counter that fences hang on: the fence at a value signals when the counter reaches it. The
 * software stand-in for a device's queue, and the producer for work that is numbered by somebody
 * else.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, with or without reservations held.
 * Fences signal in the order of their values, whoever advances: one advancing thread at a time
 * signals for all, so {@link #advance} may return before another thread has run the callbacks it
 * caused.
 *
 * <p><b>End.</b> Closing a timeline fails its pending fences; one that becomes unreachable is
 * closed by a {@link Cleaner} (design rule FN1).
 *
 * <p>Source: drivers/dma-buf/sw_sync.c; rule CS4.
 */
public final class Timeline implements AutoCloseable {
  private final Queue queue;
  private final Cleaner.Cleanable cleanable;

  private Timeline(Queue queue) {
    this.queue = queue;
    this.cleanable = FenceContext.CLEANER.register(this, queue::close);
  }

  /**
   * Creates a timeline at value 0.
   *
   * @param name what it stands for, in reports
   * @return a new timeline
   */
  public static Timeline create(String name) {
    return new Timeline(
        new Queue(FenceOrigin.ordered(FenceContext.builder(name).driverName("timeline"))));
  }

  /**
   * The counter.
   *
   * @return the value reached so far
   */
  public long value() {
    return queue.value.get();
  }

  /**
   * The fence at a value: the same one at each call while it is pending, a signaled one if the
   * value is reached.
   *
   * @param at the value that signals it
   * @return a fence
   * @throws IllegalStateException if this timeline is closed
   */
  public Fence fenceAt(long at) {
    try {
      return queue.fenceAt(at);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Raises the counter and signals what it reaches.
   *
   * @param to the new value; a lower one than the present is ignored
   * @throws IllegalStateException if this timeline is closed
   */
  public void advance(long to) {
    try {
      queue.advance(to);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /** Fails all pending fences with {@link FenceAbandonedException}. Closing again does nothing. */
  @Override
  public void close() {
    cleanable.clean();
  }

  @Override
  public String toString() {
    return queue.toString();
  }

  /**
   * What a timeline and its {@link Cleaner} share: the state, without the object whose loss is to
   * be noticed.
   */
  private static final class Queue {
    /*
     * Invariant: a fence in `pending` is unsignaled or about to be signaled by the thread that owns `draining`. Whoever
     * raises `value` (or closes) then calls drain(), and a drain that finds the drainer busy leaves it a note (draining >
     * 1), so no reached fence is left behind.
     */
    private final FenceOrigin origin;
    final AtomicLong value = new AtomicLong();
    private final ConcurrentSkipListMap<Long, Fence> pending = new ConcurrentSkipListMap<>();
    private final AtomicInteger draining = new AtomicInteger();
    private volatile @Nullable FenceAbandonedException closed;

    Queue(FenceOrigin origin) {
      this.origin = origin;
    }

    Fence fenceAt(long at) {
      checkOpen();
      if (at <= value.get()) {
        // Not by way of `pending`: the drainer may be busy, or further up on this very thread's
        // stack.
        Fence reached = new Fence(origin, at);
        reached.signal(null);
        return reached;
      }
      Fence fence = pending.computeIfAbsent(at, number -> new Fence(origin, number));
      drain(); // the value may have been reached, or the timeline closed, in between
      return fence;
    }

    void advance(long to) {
      checkOpen();
      value.accumulateAndGet(to, Math::max);
      drain();
    }

    private void checkOpen() {
      if (closed != null) {
        throw new IllegalStateException(this + " is closed");
      }
    }

    private void drain() {
      if (draining.getAndIncrement() != 0) {
        return;
      }
      int notes = 1;
      do {
        FenceAbandonedException abandoned = closed;
        for (var first = pending.firstEntry();
            first != null && (abandoned != null || first.getKey() <= value.get());
            first = pending.firstEntry()) {
          boolean reached = first.getKey() <= value.get();
          first.getValue().signal(reached ? null : abandoned);
          pending.remove(first.getKey());
        }
        notes = draining.addAndGet(-notes);
      } while (notes != 0);
    }

    void close() {
      if (closed == null) {
        closed =
            new FenceAbandonedException(
                "signal", this + " was closed or lost before it reached the value");
      }
      drain();
    }

    @Override
    public String toString() {
      return "timeline %s at %d".formatted(origin.timelineName, value.get());
    }
  }
}
