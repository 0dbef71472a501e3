package io.github.dmabuf4j;

import io.github.dmabuf4j.WwMutex.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The lock of a buffer and the fences of who is using it. Several buffers may share one.
 *
 * <p><b>The lock</b> is exclusive, owned by the thread (virtual or not) that took it, and not
 * reentrant: taking it twice is always a mistake and reported as such. One reservation may be
 * locked on its own; two or more need an {@link AcquireContext} (design rule RL1). It orders the
 * threads of this process only (design rule RL8). User code never runs under a reservation unless
 * its type's documentation says so (design rule RL9).
 *
 * <p><b>The fences</b> are added only under the lock, into slots reserved before (design rule RL4):
 * {@link #reserve} may allocate and fail, {@link #add} does neither, so it can stand behind the
 * point of no return. Anybody reads them at any time, without the lock, and sees a consistent state
 * (design rule RL5). What has signaled is dropped in passing (design rule RL7).
 *
 * <p><b>Threads.</b>
 *
 * <table>
 * <caption>Who may call what</caption>
 * <tr><th>method</th><th>lock</th></tr>
 * <tr><td>{@link #lock}, {@link #lockInterruptibly}, {@link #tryLock()}</td><td>not held; no other one held (validated)</td></tr>
 * <tr><td>{@link #unlock}, {@link #reserve}, {@link #add}, {@link #replace}, {@link #copyFrom}</td><td>held by the calling
 *   thread, else {@link IllegalStateException}</td></tr>
 * <tr><td>{@link #fences}, {@link #merged}, {@link #isSignaled}, {@code await…}, {@link #setDeadline}</td><td>held or not</td></tr>
 * </table>
 *
 * <p><b>Memory consistency effects.</b> An unlock happens before the next lock. What a thread did
 * before it added a fence happens before a reader finds that fence.
 *
 * <p>Source: struct dma_resv, drivers/dma-buf/dma-resv.c; rules CR1 to CR15.
 */
public final class Reservation {
  private static final AtomicLong NEXT_ID = new AtomicLong();

  private final long id = NEXT_ID.getAndIncrement();
  private final ReservationClass lockClass;
  final WwMutex mutex = new WwMutex();
  private final FenceSlots slots = new FenceSlots();

  /** Creates an unlocked reservation without fences, of the class that all buffers are of. */
  public Reservation() {
    this(ReservationClass.DEFAULT);
  }

  /**
   * Creates an unlocked reservation without fences.
   *
   * @param lockClass which others it can be locked together with, and who gives way then
   */
  public Reservation(ReservationClass lockClass) {
    this.lockClass = Objects.requireNonNull(lockClass, "lockClass");
  }

  /**
   * What it can be locked together with.
   *
   * @return the same at each call
   */
  public ReservationClass lockClass() {
    return lockClass;
  }

  // ---- the lock ----

  /**
   * Takes the lock, waiting as long as it takes; an interrupt is kept for later.
   *
   * @throws IllegalStateException if this thread holds it already
   */
  public void lock() {
    checkBeforeLock();
    Thread current = Thread.currentThread();
    if (!mutex.tryLock(current)) {
      Outcome _ = lockContended(current, false, WwMutex.FOREVER);
    }
    Lockdep.locked(this);
  }

  /**
   * Takes the lock, waiting as long as it takes or until interrupted.
   *
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if this thread holds it already
   */
  public void lockInterruptibly() throws InterruptedException {
    boolean _ = lockWithin(WwMutex.FOREVER);
  }

  /**
   * Takes the lock if nobody has it.
   *
   * @return true if taken
   */
  public boolean tryLock() {
    if (mutex.tryLock(Thread.currentThread())) {
      Lockdep.locked(this);
      return true;
    }
    return false;
  }

  /**
   * Takes the lock, waiting for a limited time.
   *
   * @param timeout how long to wait; zero or less only tries
   * @return true if taken
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if this thread holds it already
   */
  public boolean tryLock(Duration timeout) throws InterruptedException {
    return lockWithin(Deadline.nanos(timeout));
  }

  /**
   * Takes the lock, waiting for a limited time, not interruptibly: an interrupt is kept for later.
   *
   * @param timeout how long to wait; zero or less only tries
   * @return true if taken
   * @throws IllegalStateException if this thread holds it already
   */
  public boolean tryLockUninterruptibly(Duration timeout) {
    checkBeforeLock();
    Thread current = Thread.currentThread();
    boolean taken =
        mutex.tryLock(current)
            || lockContended(current, false, Deadline.nanos(timeout)) == Outcome.ACQUIRED;
    if (taken) {
      Lockdep.locked(this);
    }
    return taken;
  }

  private boolean lockWithin(long nanos) throws InterruptedException {
    checkBeforeLock();
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    Thread current = Thread.currentThread();
    if (!mutex.tryLock(current)) {
      Outcome outcome = lockContended(current, true, nanos);
      if (outcome == Outcome.INTERRUPTED) {
        throw new InterruptedException();
      }
      if (outcome != Outcome.ACQUIRED) {
        return false;
      }
    }
    Lockdep.locked(this);
    return true;
  }

  private Outcome lockContended(Thread current, boolean interruptible, long nanos) {
    checkNotHeld();
    Lockdep.beforeWait(this, false);
    try {
      return mutex.lock(current, interruptible, nanos);
    } finally {
      Lockdep.afterWait();
    }
  }

  /**
   * Gives the lock back; slots that were reserved and not used vanish (rule CR5). One that was
   * taken in an {@link AcquireContext} is given back as by {@link AcquireContext#unlock}.
   *
   * @throws IllegalStateException if this thread doesn't hold it
   */
  public void unlock() {
    Thread current = Thread.currentThread();
    Object claim = mutex.claim();
    if (claim == current) {
      unlock(current);
    } else if (claim instanceof AcquireContext context && context.owner == current) {
      context.unlock(this);
    } else {
      assertHeld("unlock");
    }
  }

  /** Gives back what was taken with this claim. */
  void unlock(Object claim) {
    slots.dropReserved();
    Lockdep.unlocked(this);
    mutex.unlock(claim);
  }

  /**
   * Whether some thread holds the lock.
   *
   * @return a snapshot
   */
  public boolean isLocked() {
    return mutex.claim() != null;
  }

  /**
   * Whether the calling thread holds the lock, alone or in an {@link AcquireContext}.
   *
   * @return true if it does
   */
  public boolean isHeldByCurrentThread() {
    Thread current = Thread.currentThread();
    Object claim = mutex.claim();
    return claim == current || (claim instanceof AcquireContext held && held.owner == current);
  }

  /** For messages: the thread that holds the lock, or null. */
  @Nullable Thread holder() {
    Object claim = mutex.claim();
    return claim instanceof AcquireContext context ? context.owner : (Thread) claim;
  }

  /** Throws what {@link #lock} would throw without waiting. */
  void checkMayLock() {
    checkNotHeld();
    Lockdep.beforeLock(this);
  }

  /** What can be known before; without the validator the fast path leaves it to the slow one. */
  private void checkBeforeLock() {
    if (Lockdep.isEnabled()) {
      checkMayLock();
    }
  }

  void checkNotHeld() {
    if (isHeldByCurrentThread()) {
      throw new IllegalStateException(
          "%s is held by this thread already; a reservation is not reentrant. Call the …Locked form, or unlock first"
              .formatted(this));
    }
  }

  void assertHeld(String operation) {
    if (!isHeldByCurrentThread()) {
      Thread holder = holder();
      throw new IllegalStateException(
          "%s needs %s to be held by the calling thread, which is %s; it is held by %s"
              .formatted(
                  operation, this, Thread.currentThread(), holder == null ? "nobody" : holder));
    }
  }

  // ---- fences, under the lock ----

  /**
   * Makes room for fences to be added before the lock is given back. The only call that may
   * allocate (rule CR9).
   *
   * @param count how many more fences will be added, at least 1
   * @throws IllegalArgumentException if the count isn't positive
   * @throws IllegalStateException if this thread doesn't hold the lock
   */
  public void reserve(int count) {
    assertHeld("reserve");
    if (count <= 0) {
      throw new IllegalArgumentException("wanted at least 1 slot, got " + count);
    }
    slots.reserve(count);
  }

  /**
   * Adds a fence into a reserved slot; takes the place of one that has signaled, or of an earlier
   * one of the same context with equal or weaker usage (design rule RL6), where there is such a
   * one. Uses up one reservation of a slot. Never allocates.
   *
   * @param fence a plain fence, not a container
   * @param usage what it stands for
   * @throws IllegalArgumentException if the fence is a container (rule CR7)
   * @throws IllegalStateException if this thread doesn't hold the lock, or no slot is reserved
   *     (rule CR6)
   */
  public void add(Fence fence, FenceUsage usage) {
    assertHeld("add");
    Objects.requireNonNull(fence, "fence");
    checkPlain(fence);
    slots.add(fence, Objects.requireNonNull(usage, "usage"));
  }

  private static void checkPlain(Fence fence) {
    if (fence instanceof FenceArray || fence instanceof FenceChain) {
      throw new IllegalArgumentException(
          "wanted a plain fence, got " + fence + ": add its parts, see Fences.unwrap");
    }
  }

  /**
   * Replaces the fences of a context by one that stands for all they did to this buffer. Allowed
   * only if their work no longer touches the bytes once the replacement signals (rule CR10).
   *
   * @param context the context to replace
   * @param replacement what stands for it from now on
   * @param usage what the replacement stands for
   * @throws IllegalArgumentException if the replacement is a container (rule CR7)
   * @throws IllegalStateException if this thread doesn't hold the lock
   */
  public void replace(long context, Fence replacement, FenceUsage usage) {
    assertHeld("replace");
    checkPlain(replacement);
    slots.replace(
        context,
        Objects.requireNonNull(replacement, "replacement"),
        Objects.requireNonNull(usage, "usage"));
  }

  /**
   * Takes over all fences of another reservation, whose lock is not needed, in place of its own
   * (rule CR14).
   *
   * @param source where to copy from
   * @throws IllegalStateException if this thread doesn't hold the lock of this reservation
   */
  public void copyFrom(Reservation source) {
    assertHeld("copyFrom");
    slots.copyFrom(source.slots);
  }

  /** Appends the pending fences of a usage and of all stronger ones, without a copy in between. */
  void collect(FenceUsage usage, List<Fence> pending) {
    slots.collect(usage, pending);
  }

  // ---- fences, for anybody ----

  /** What {@link #forEach} calls with what it finds. */
  @FunctionalInterface
  public interface FenceVisitor {
    /**
     * What was reported so far is void: another round starts. Called before the first fence too
     * (rule CR11).
     */
    default void restarted() {}

    /**
     * One pending fence.
     *
     * @param fence the fence
     * @param usage what it stands for
     */
    void fence(Fence fence, FenceUsage usage);
  }

  /**
   * Shows the pending fences of a usage and of all stronger ones to a visitor, from one consistent
   * state.
   *
   * @param usage the weakest usage to show
   * @param visitor called on this thread
   */
  public void forEach(FenceUsage usage, FenceVisitor visitor) {
    FenceSlots.Snapshot snapshot = slots.snapshot();
    visitor.restarted();
    for (int i = 0; i < snapshot.size(); i++) {
      if (usage.includes(snapshot.usage(i)) && !snapshot.fence(i).isSignaled()) {
        visitor.fence(snapshot.fence(i), snapshot.usage(i));
      }
    }
  }

  /**
   * The pending fences of a usage and of all stronger ones.
   *
   * @param usage the weakest usage to return
   * @return a new list, empty if nothing is pending
   */
  public List<Fence> fences(FenceUsage usage) {
    List<Fence> pending = new ArrayList<>();
    forEach(usage, (fence, fenceUsage) -> pending.add(fence));
    return pending;
  }

  /**
   * One fence for all pending ones of a usage and of all stronger ones ({@code
   * dma_resv_get_singleton}).
   *
   * @param usage the weakest usage to include
   * @return the only one, an array of several, or {@link Fence#stub()} if nothing is pending
   */
  public Fence merged(FenceUsage usage) {
    return Fences.merge(fences(usage));
  }

  /**
   * Whether nothing of a usage or of a stronger one is pending ({@code dma_resv_test_signaled}).
   *
   * @param usage the weakest usage to look at
   * @return true if all have signaled
   */
  public boolean isSignaled(FenceUsage usage) {
    return slots.isSignaled(usage);
  }

  /**
   * Waits until everything of a usage and of all stronger ones that is pending now has signaled, at
   * most {@link Fences#defaultTimeout()}.
   *
   * @param usage the weakest usage to wait for
   * @throws FenceTimeoutException if a fence didn't signal in time
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public void await(FenceUsage usage) throws InterruptedException {
    if (!isSignaled(usage)) {
      Deadline deadline = Deadline.after(Fences.defaultTimeout());
      for (Fence fence : fences(usage)) {
        deadline.await(fence);
      }
    }
  }

  /**
   * Waits as {@link #await(FenceUsage)} does, not interruptibly.
   *
   * @param usage the weakest usage to wait for
   * @throws FenceTimeoutException if a fence didn't signal in time
   */
  public void awaitUninterruptibly(FenceUsage usage) {
    if (!isSignaled(usage)) {
      Deadline deadline = Deadline.after(Fences.defaultTimeout());
      for (Fence fence : fences(usage)) {
        deadline.awaitUninterruptibly(fence);
      }
    }
  }

  /**
   * Waits for a limited time until everything of a usage and of all stronger ones that is pending
   * now has signaled.
   *
   * @param usage the weakest usage to wait for
   * @param timeout how long to wait for all of it; zero or less only looks
   * @return true if all have signaled
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public boolean await(FenceUsage usage, Duration timeout) throws InterruptedException {
    Deadline deadline = Deadline.after(timeout);
    for (Fence fence : fences(usage)) {
      if (!fence.await(deadline.left())) {
        return false;
      }
    }
    return true;
  }

  /**
   * Passes a deadline hint to every pending fence of a usage and of all stronger ones (rule CR14).
   *
   * @param usage the weakest usage to tell
   * @param nanoTime a {@link System#nanoTime()} value
   */
  public void setDeadline(FenceUsage usage, long nanoTime) {
    fences(usage).forEach(fence -> fence.setDeadline(nanoTime));
  }

  /** Forgets the fences, all of them signaled, when the memory goes to another owner. */
  void clear() {
    slots.clear();
  }

  @Override
  public String toString() {
    return "reservation #" + id;
  }
}
