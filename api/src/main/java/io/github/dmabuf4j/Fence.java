package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * A one-shot event that says "this work on these bytes is done": what others wait on. Whoever makes
 * and signals it holds the other end, a {@link FenceContext}, a {@link Timeline} or a {@link Job};
 * a fence itself can't be signaled by its waiters.
 *
 * <p><b>Life.</b> A fence goes from pending to signaled once, in finite time whatever its clients
 * do (design rule FN1). It may have failed: then it is signaled too, and {@link #error()} says why.
 * A wait succeeds either way, as in the kernel.
 *
 * <p><b>Order.</b> Fences of one context are numbered, and signal in that order (rule CF1).
 *
 * <p><b>Callbacks</b> run exactly once, in the order they were added, on the thread that signals,
 * with no lock held (design rule FN2). They must be short: they neither block, nor take a
 * reservation, nor allocate from a heap with a policy that may reclaim (design rule FN4). What one
 * throws is logged, and the others still run. A callback may signal another fence, whose callbacks
 * then run inside it; chains that would nest deeply go on one after another instead, so that a
 * chain of any length needs a bounded stack.
 *
 * <p><b>Waiting</b> is allowed while holding reservations and inside reclaim (design rule FN3). A
 * wait parks virtual threads without pinning their carrier. Every wait has a deadline (design rule
 * FN5).
 *
 * <p><b>The validator.</b> While it is on, a broken locking rule is a {@link LockdepException}.
 *
 * <p><b>Threads.</b>
 *
 * <table>
 * <caption>Who may call what</caption>
 * <tr><th>method</th><th>thread</th><th>locks</th></tr>
 * <tr><td>{@link #isSignaled}, {@link #status}, {@link #error}, {@link #timestamp}, names</td><td>any</td><td>any</td></tr>
 * <tr><td>{@link #addCallback}, {@link #removeCallback}, {@link #enableSignaling}, {@link #setDeadline}</td><td>any</td>
 *   <td>any</td></tr>
 * <tr><td>{@code await…}</td><td>any but one that must run before the fence can signal</td><td>reservations may be held</td>
 * </tr>
 * </table>
 *
 * <p><b>Memory consistency effects.</b> What happens before a signal happens before the return of a
 * wait, before a callback, and before {@link #isSignaled} returns true. Bytes in native memory
 * written by Java code are covered too: the signal is a release, the observation an acquire.
 *
 * <p>Source: struct dma_fence, drivers/dma-buf/dma-fence.c; rules CF1 to CF15.
 */
public sealed class Fence extends FenceState permits FenceArray, FenceChain, JobFence {
  /** How far a fence has come. */
  public enum Status {
    /** The work is not done yet. */
    PENDING,
    /** The work is done. */
    SIGNALED,
    /** The work was given up; {@link Fence#error()} says why. */
    FAILED
  }

  /** Who signals a fence (design rule FN6). */
  public enum Kind {
    /**
     * This process. To another process it travels as an event (a descriptor to poll) or a syncobj
     * point.
     */
    HOST,
    /** The kernel: it came from a sync_file, and may be put into a dma-buf's own reservation. */
    KERNEL
  }

  /** What runs when a fence signals. See the class documentation for what it may do. */
  @FunctionalInterface
  public interface Callback {
    /**
     * Called once, on the thread that signals.
     *
     * @param fence the fence that signaled
     */
    void signaled(Fence fence);
  }

  private static final VarHandle SEQNO;

  static {
    try {
      SEQNO = MethodHandles.lookup().findVarHandle(Fence.class, "seqno", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final Fence STUB = new Fence(FenceOrigin.STUB, 0, FenceOutcome.SIGNALED);

  final FenceOrigin origin;

  /**
   * Written before the fence is published, see {@link FenceOrigin#append}, then constant; 0 where
   * the number doesn't matter before somebody asks.
   */
  private long seqno;

  /**
   * The fence before this one in its context, while it may still be pending; null afterwards.
   * Written before publication, cleared by the signaler: a stale read only finds a fence that has
   * signaled.
   */
  private @Nullable Fence previous;

  /**
   * Creates a pending fence.
   *
   * @param origin who makes it
   * @param seqno its number there, 0 if it is the only one of its context
   */
  Fence(FenceOrigin origin, long seqno) {
    this.origin = origin;
    this.seqno = seqno;
  }

  /** Creates a pending fence that is the only one of its context. */
  static Fence single(FenceOrigin origin) {
    return new Fence(origin, 0);
  }

  /** Creates a fence that begins in another state than pending. */
  Fence(FenceOrigin origin, long seqno, Object initial) {
    super(initial);
    this.origin = origin;
    this.seqno = seqno;
  }

  /**
   * The fence that was always signaled ({@code dma_fence_get_stub}).
   *
   * @return a signaled fence, the same at each call
   */
  public static Fence stub() {
    return STUB;
  }

  // ---- what it is ----

  /**
   * The number of the context this fence belongs to. Fences of one context are ordered by {@link
   * #seqno()}.
   *
   * @return a number unique in this process; negative for a fence that is the only one of its
   *     context
   */
  public final long context() {
    return origin.isOrdered() ? origin.context : -single();
  }

  /**
   * The number of a fence that is the only one of its context, given when somebody first asks: most
   * of them are signaled and gone before.
   */
  private long single() {
    long present = (long) SEQNO.getVolatile(this);
    if (present != 0) {
      return present;
    }
    long fresh = FenceOrigin.nextSingle();
    long first = (long) SEQNO.compareAndExchange(this, 0L, fresh);
    return first == 0 ? fresh : first;
  }

  /**
   * This fence's number in its context.
   *
   * @return a number that grows with each fence of the context
   */
  public final long seqno() {
    return origin.isOrdered() ? seqno : 1;
  }

  /**
   * Who makes fences of this kind, for example a device or {@code "host"} ({@code
   * get_driver_name}).
   *
   * @return a name
   */
  public final String driverName() {
    return origin.driverName;
  }

  /**
   * What this fence's context stands for, for example a stage or a queue ({@code
   * get_timeline_name}).
   *
   * @return a name
   */
  public String timelineName() {
    return origin.timelineName;
  }

  /**
   * Who signals this fence.
   *
   * @return its kind
   */
  public final Kind kind() {
    return origin.kind;
  }

  // ---- how far it is ----

  /**
   * Whether the work is done or given up. Once true it stays true; it is never true early (rule
   * CF7).
   *
   * @return true if signaled
   */
  public final boolean isSignaled() {
    return hasEnded();
  }

  /**
   * How far this fence has come.
   *
   * @return its status now
   */
  public final Status status() {
    FenceOutcome outcome = outcome();
    if (outcome == null) {
      return Status.PENDING;
    }
    return outcome.error == null ? Status.SIGNALED : Status.FAILED;
  }

  /**
   * Why the work was given up.
   *
   * @return the error, or empty while pending and after success
   */
  public final Optional<Throwable> error() {
    return Optional.ofNullable(failure());
  }

  /** Why the work was given up; null while pending and after success. */
  final @Nullable Throwable failure() {
    FenceOutcome outcome = outcome();
    return outcome == null ? null : outcome.error;
  }

  /**
   * When this fence signaled, if its context keeps timestamps (design rule FN7).
   *
   * @return a {@link System#nanoTime()} value, or empty while pending and where the context didn't
   *     ask
   */
  public final OptionalLong timestamp() {
    FenceOutcome outcome = outcome();
    return outcome != null && outcome.timestamped
        ? OptionalLong.of(outcome.nanoTime)
        : OptionalLong.empty();
  }

  // ---- being told ----

  /**
   * Adds a callback to a pending fence and enables signaling.
   *
   * @param callback what to run; to be able to remove it, keep the reference
   * @return true if it will run; false if the fence has signaled already, in which case it never
   *     runs (ENOENT)
   */
  public final boolean addCallback(Callback callback) {
    Objects.requireNonNull(callback, "callback");
    return push(new CallbackNode(callback));
  }

  /**
   * Removes a callback, the newest one where the same was added several times.
   *
   * @param callback the very object that was added
   * @return true if it was there and will not run; false if it has run, is running, or was never
   *     added
   */
  public final boolean removeCallback(Callback callback) {
    Objects.requireNonNull(callback, "callback");
    return remove(callback);
  }

  /**
   * Asks the producer to make sure that this fence signals by itself, where it does so only on
   * request. Called by the first callback and the first wait; harmless to call again (rule CF6).
   */
  public final void enableSignaling() {
    askOnce();
  }

  @Override
  boolean asksProducer() {
    return origin.operations != null;
  }

  /**
   * Called when somebody first wants to know. Chains add themselves to their parts here, arrays ask
   * theirs.
   */
  @Override
  void startSignaling() {
    FenceContext.Operations operations = origin.operations;
    if (operations == null) {
      return;
    }
    boolean done = false;
    try {
      done = enable(operations);
    } catch (Throwable e) { // whoever only wanted to know must not lose its callback for it
      CallbackRun.log("enabling the signaling of", this, e);
    }
    if (done) {
      // So is the work before it in the context, whether or not anybody asked (rule CF1).
      FenceOrigin.pendingUpTo(this).forEach(fence -> fence.signal(null));
    }
  }

  private boolean enable(FenceContext.Operations operations) {
    boolean[] done = {false};
    Lockdep.inCallback(
        "enableSignaling of", this, () -> done[0] = operations.enableSignaling(this));
    return done[0];
  }

  /** For containers: the fences without which this one can't signal. */
  List<Fence> waitsForAllOf() {
    return List.of();
  }

  /** How long a waiter puts up with silence; containers take it from what is pending in them. */
  long silenceNanos() {
    return origin.silenceNanos;
  }

  /**
   * Says by when somebody would like this fence to be signaled: a hint for the producer, which may
   * ignore it. The earliest one wins (rule CF14).
   *
   * @param nanoTime a {@link System#nanoTime()} value
   */
  public void setDeadline(long nanoTime) {
    FenceContext.Operations operations = origin.operations;
    if (operations != null && !isSignaled()) {
      Lockdep.inCallback("setDeadline of", this, () -> operations.setDeadline(this, nanoTime));
    }
  }

  // ---- waiting ----

  /**
   * Waits until this fence signals, at most {@link Fences#defaultTimeout()}.
   *
   * @throws FenceTimeoutException if it didn't signal in that time, or stayed silent for longer
   *     than its context allows
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public final void await() throws InterruptedException {
    if (!await(Fences.defaultTimeout())) {
      throw FenceTimeoutException.afterDeadline(this, Fences.defaultTimeout());
    }
  }

  /**
   * Waits until this fence signals, as {@link #await()} does, but not interruptibly: an interrupt
   * is kept for later.
   *
   * @throws FenceTimeoutException if it didn't signal in that time, or stayed silent for longer
   *     than its context allows
   */
  public final void awaitUninterruptibly() {
    if (!awaitUninterruptibly(Fences.defaultTimeout())) {
      throw FenceTimeoutException.afterDeadline(this, Fences.defaultTimeout());
    }
  }

  /**
   * Waits until this fence signals or the time is up.
   *
   * @param timeout how long to wait; zero or less only looks
   * @return true if signaled, false if the time was up first
   * @throws FenceTimeoutException if it stayed silent for longer than its context allows
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public final boolean await(Duration timeout) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    return isSignaledOrMayWait(timeout) || new FenceWait(this, Deadline.nanos(timeout)).await();
  }

  /**
   * Waits until this fence signals or the time is up, not interruptibly: an interrupt is kept for
   * later.
   *
   * @param timeout how long to wait; zero or less only looks
   * @return true if signaled, false if the time was up first
   * @throws FenceTimeoutException if it stayed silent for longer than its context allows
   */
  public final boolean awaitUninterruptibly(Duration timeout) {
    return isSignaledOrMayWait(timeout)
        || new FenceWait(this, Deadline.nanos(timeout)).awaitUninterruptibly();
  }

  /** The validator wants to know even where there is nothing to wait for this time. */
  private boolean isSignaledOrMayWait(Duration timeout) {
    if (Lockdep.isEnabled() && timeout.isPositive()) {
      Lockdep.mayWait(this);
    }
    return isSignaled();
  }

  // ---- bridges ----

  /**
   * This fence as a stage that completes when it signals: normally, or with the fence's error
   * (design rule FN7). Dependent stages without an executor run as callbacks do, on the signaling
   * thread.
   *
   * @return a new stage
   */
  public final CompletionStage<Void> toCompletionStage() {
    CompletableFuture<Void> future = new CompletableFuture<>();
    completeWhenSignaled(future);
    return future.minimalCompletionStage();
  }

  /** Completes a future as this fence ends. The fence keeps the future until then. */
  final void completeWhenSignaled(CompletableFuture<Void> future) {
    Callback complete = signaled -> complete(future, signaled);
    if (!addCallback(complete)) {
      complete(future, this);
    }
  }

  private static void complete(CompletableFuture<Void> future, Fence signaled) {
    signaled.error().ifPresentOrElse(future::completeExceptionally, () -> future.complete(null));
  }

  // ---- the producer's side ----

  /**
   * Signals this fence, once.
   *
   * @param error why the work was given up, or null for success
   * @return false if it had signaled already
   */
  boolean signal(@Nullable Throwable error) {
    return end(FenceOutcome.of(error, origin.timestamps));
  }

  @Override
  void ended() {
    previous = null; // all before have signaled: do not keep them reachable
  }

  /** Links this unpublished fence behind the last one of its context. */
  final void linkAfter(@Nullable Fence last, long number) {
    previous = last == null || last.isSignaled() ? null : last;
    seqno = number;
  }

  /** The fence before this one if that may still be pending. */
  final @Nullable Fence previous() {
    return previous;
  }

  /** Whether this fence is the other one, or a later one of its context. */
  final boolean isNotBefore(Fence other) {
    return this == other || (origin == other.origin && seqno >= other.seqno && origin.isOrdered());
  }

  /** The number this fence was made with, whatever {@link #seqno()} makes of it. */
  final long rawSeqno() {
    return seqno;
  }

  @Override
  public String toString() {
    return "fence %s/%s %d:%d (%s)"
        .formatted(
            driverName(),
            timelineName(),
            context(),
            seqno(),
            status().name().toLowerCase(java.util.Locale.ROOT));
  }
}
