package io.github.dmabuf4j;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The producer of fences: it makes, signals and fails them. Holding this object is what gives the
 * right to signal; whoever only has a {@link Fence} can wait.
 *
 * <p><b>Order.</b> The fences of one context are numbered and signal in that order: work that may
 * finish out of order gets a context each. That order is what lets a reservation replace an earlier
 * fence by a later one (design rule RL6).
 *
 * <p><b>End.</b> Closing a context fails its pending fences with {@link FenceAbandonedException},
 * oldest first. <b>A context that nobody refers to is collected, and fails its pending fences
 * then</b>: its fences don't keep it, so that nobody waits for ever on a producer that is gone
 * (design rule FN1). Whoever still has to signal keeps it <b>in a field</b>, of an object that is
 * itself reachable; a local variable, even one in scope, ends with its last use.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, with or without reservations held.
 * Signaling runs callbacks on the calling thread.
 *
 * <p>Source: dma_fence_context_alloc, dma_fence_init, dma_fence_signal; rules CF1, CF2, CF9.
 */
public final class FenceContext implements AutoCloseable {
  static final Cleaner CLEANER = Cleaner.create();

  /**
   * How long a foreign fence may stay silent unless its context says otherwise (design rule FN1).
   */
  public static final Duration DEFAULT_SILENCE = Duration.ofSeconds(10);

  /**
   * What a producer does for its fences beside signaling them ({@code struct dma_fence_ops}).
   * Called on the thread that wants to know, possibly with reservations held: it must neither block
   * nor take a reservation.
   */
  public interface Operations {
    /**
     * Called at most once per fence, when somebody first waits or adds a callback.
     *
     * @param fence the fence that is to signal by itself from now on
     * @return true if the work turned out to be done: the fence is signaled at once, and those
     *     before it in the context first
     */
    default boolean enableSignaling(Fence fence) {
      return false;
    }

    /**
     * Somebody would like a fence to be signaled by a time; may be ignored.
     *
     * @param fence the fence
     * @param nanoTime a {@link System#nanoTime()} value
     */
    default void setDeadline(Fence fence, long nanoTime) {}
  }

  private final FenceOrigin origin;
  private final Cleaner.Cleanable cleanable;

  private FenceContext(FenceOrigin origin) {
    this.origin = origin;
    this.cleanable = CLEANER.register(this, origin::close);
  }

  /**
   * Creates a context for host fences without timestamps.
   *
   * @param timelineName what it stands for, in reports
   * @return a new context
   */
  public static FenceContext create(String timelineName) {
    return builder(timelineName).build();
  }

  /**
   * Starts a context with options.
   *
   * @param timelineName what it stands for, in reports
   * @return a builder with the defaults: host fences, no timestamps, not foreign
   */
  public static Builder builder(String timelineName) {
    return new Builder(timelineName);
  }

  /**
   * Makes the next fence, pending.
   *
   * @return a new fence, the last of this context
   * @throws IllegalStateException if this context is closed
   */
  public Fence newFence() {
    try {
      return origin.append(new Fence(origin, 0));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /** Makes the fence of a job the next one of this context. */
  JobFence newJobFence(String name, JobUses uses, List<Fence> waitsFor) {
    try {
      return origin.append(new JobFence(origin, 0, name, uses, waitsFor));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Says that the work of a fence is done.
   *
   * @param fence a fence of this context
   * @return true if it was pending, false if it had signaled already
   * @throws IllegalArgumentException if the fence is of another context
   * @throws IllegalStateException if an earlier fence of this context is still pending
   */
  public boolean signal(Fence fence) {
    return end(fence, null);
  }

  /**
   * Says that the work of a fence was given up.
   *
   * @param fence a fence of this context
   * @param error why
   * @return true if it was pending, false if it had signaled already
   * @throws IllegalArgumentException if the fence is of another context
   * @throws IllegalStateException if an earlier fence of this context is still pending
   */
  public boolean fail(Fence fence, Throwable error) {
    return end(fence, Objects.requireNonNull(error, "error"));
  }

  private boolean end(Fence fence, @Nullable Throwable error) {
    if (fence.origin != origin) {
      throw new IllegalArgumentException(
          fence + " is not a fence of " + this + ": only its own context can signal it");
    }
    Fence earlier = fence.previous();
    if (earlier != null && !earlier.isSignaled()) {
      throw new IllegalStateException(
          "%s can't signal before %s: fences of one context signal in order. Give work that may finish out of order a context each"
              .formatted(fence, earlier));
    }
    try {
      return fence.signal(error);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * How many fences of this context are pending now.
   *
   * @return a snapshot
   */
  public int pending() {
    return origin.pending().size();
  }

  /**
   * Whether this context is closed.
   *
   * @return true once {@link #close} was called
   */
  public boolean isClosed() {
    return origin.isClosed();
  }

  /** Fails all pending fences with {@link FenceAbandonedException}. Closing again does nothing. */
  @Override
  public void close() {
    cleanable.clean();
  }

  @Override
  public String toString() {
    return "fence context " + origin;
  }

  /** The options of a context. Not for several threads at once. */
  public static final class Builder {
    String driverName = "host";
    final String timelineName;
    Fence.Kind kind = Fence.Kind.HOST;
    boolean timestamps;
    long silenceNanos = Long.MAX_VALUE;
    FenceContext.@Nullable Operations operations;

    private Builder(String timelineName) {
      this.timelineName = Objects.requireNonNull(timelineName, "timelineName");
    }

    /**
     * Names who makes these fences; {@code "host"} by default.
     *
     * @param name a device or library
     * @return this builder
     */
    public Builder driverName(String name) {
      driverName = Objects.requireNonNull(name, "name");
      return this;
    }

    /**
     * Keeps the time of each signal, which costs a clock read and an object per fence.
     *
     * @return this builder
     */
    public Builder timestamps() {
      timestamps = true;
      return this;
    }

    /**
     * Says that the fences depend on somebody outside this library, who may never answer: a wait
     * gives up with {@link FenceTimeoutException} after a time of silence.
     *
     * @param silence how long a waiter puts up with silence, {@link #DEFAULT_SILENCE} unless there
     *     is reason
     * @return this builder
     * @throws IllegalArgumentException if the time isn't positive
     */
    public Builder foreign(Duration silence) {
      if (silence.isNegative() || silence.isZero()) {
        throw new IllegalArgumentException("wanted a positive time of silence, got " + silence);
      }
      silenceNanos = Deadline.nanos(silence);
      return this;
    }

    /**
     * Says that the kernel signals these fences, by way of operations that watch a sync_file
     * (design rule FN6).
     *
     * @return this builder
     */
    public Builder kernel() {
      kind = Fence.Kind.KERNEL;
      return this;
    }

    /**
     * Gives the fences operations.
     *
     * @param operations what to call when somebody first wants to know
     * @return this builder
     */
    public Builder operations(Operations operations) {
      this.operations = Objects.requireNonNull(operations, "operations");
      return this;
    }

    /**
     * Creates the context.
     *
     * @return a new context
     */
    public FenceContext build() {
      return new FenceContext(FenceOrigin.ordered(this));
    }
  }
}
