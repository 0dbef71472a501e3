package io.github.dmabuf4j;

import io.github.dmabuf4j.WwMutex.Outcome;
import io.github.dmabuf4j.spi.Exporter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The lock of a buffer and the fences of who is using it. Several buffers may share one.
 *
 * <p><b>The lock</b> is exclusive, owned by the thread (virtual or not) that took it, and not
 * reentrant: taking it twice is always a mistake and reported as such. One reservation may be
 * locked on its own; two or more need an {@link AcquireContext} (design rule RL1), within which any
 * order is free of deadlock (design rule RL2). A thread that comes while the lock is free may take
 * it before those that wait, but not for ever. It orders the threads of this process only (design
 * rule RL8). User code never runs under a reservation unless its type's documentation says so
 * (design rule RL9).
 *
 * <p><b>The fences</b> are added only under the lock, into slots reserved before (design rule RL4):
 * {@link #reserve} may allocate and fail, {@link #add} does neither, so it can stand behind the
 * point of no return. Anybody reads them at any time, without the lock, and sees a consistent state
 * (design rule RL5). What has signaled is dropped in passing (design rule RL7).
 *
 * <p><b>Fences of others.</b> Devices and other processes may use a buffer, too, and its {@link
 * Exporter} may know of that: the reservation of one buffer alone asks it for its {@linkplain
 * Exporter#foreignFences foreign fences} wherever it is waited on or asked what is pending, and
 * keeps nothing of the answer. One that several buffers share doesn't know them; there {@link
 * DmaBuf}s and {@link Job}s ask, each for its own buffers.
 *
 * <p><b>The validator.</b> While it is on, a broken locking rule is a {@link LockdepException}.
 *
 * <p><b>Threads.</b>
 *
 * <table>
 * <caption>Who may call what</caption>
 * <tr><th>method</th><th>lock</th></tr>
 * <tr><td>{@link #lock}, {@link #lockInterruptibly}, {@code tryLock…}</td><td>not held; no other one held where it may wait
 *   (validated)</td></tr>
 * <tr><td>{@link #unlock}, {@link #reserve}, {@link #add}, {@link #replace}, {@link #copyFrom}, {@link #forEachLocked}</td><td>held by the calling
 *   thread, else {@link IllegalStateException}</td></tr>
 * <tr><td>{@link #forEach}, {@link #fences}, {@link #merged}, {@link #isSignaled}, {@code await…}, {@link #setDeadline}</td><td>held or not</td></tr>
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
  private final ReservationClass reservationClass;
  final WwMutex mutex = new WwMutex();
  private final FenceSlots slots = new FenceSlots();

  /** Whom to ask for fences of others: of a buffer that has this to itself, while it lives. */
  private volatile @Nullable Exporter exporter;

  /** Those that end with the lock. Guarded by it. */
  @Nullable Vmap vmaps;

  /** Creates an unlocked reservation without fences, of the class that all buffers are of. */
  public Reservation() {
    this(ReservationClass.DEFAULT);
  }

  /**
   * Creates an unlocked reservation without fences.
   *
   * @param reservationClass which others it can be locked together with, and who gives way then
   */
  public Reservation(ReservationClass reservationClass) {
    this.reservationClass = Objects.requireNonNull(reservationClass, "reservationClass");
  }

  /** Creates one for the buffers of an exporter, one after the other. */
  Reservation(Exporter exporter) {
    this(ReservationClass.DEFAULT);
    this.exporter = exporter;
  }

  /** The buffer has ended, and somebody may have kept this. */
  void forgetExporter() {
    exporter = null;
  }

  /**
   * What it can be locked together with.
   *
   * @return the same at each call
   */
  public ReservationClass reservationClass() {
    return reservationClass;
  }

  // ---- the lock ----

  /**
   * Takes the lock, waiting as long as it takes; an interrupt is kept for later.
   *
   * @throws IllegalStateException if this thread holds it already
   */
  public void lock() {
    boolean _ = lockUninterruptibly(WwMutex.FOREVER);
  }

  /**
   * Takes the lock, waiting as long as it takes or until interrupted.
   *
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if this thread holds it already
   */
  public void lockInterruptibly() throws InterruptedException {
    boolean _ = lockInterruptibly(WwMutex.FOREVER);
  }

  /**
   * Takes the lock if nobody has it.
   *
   * @return true if taken
   */
  public boolean tryLock() {
    return mutex.tryLock(Thread.currentThread()) && taken(Outcome.ACQUIRED);
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
    return lockInterruptibly(Deadline.nanos(timeout));
  }

  /**
   * Takes the lock as {@link #tryLock(Duration)} does, not interruptibly.
   *
   * @param timeout how long to wait; zero or less only tries
   * @return true if taken
   * @throws IllegalStateException if this thread holds it already
   */
  public boolean tryLockUninterruptibly(Duration timeout) {
    return lockUninterruptibly(Deadline.nanos(timeout));
  }

  private boolean lockUninterruptibly(long nanos) {
    if (Lockdep.isEnabled() && nanos > 0) { // else the slow path finds out
      checkMayLock();
    }
    return taken(
        mutex.tryLock(Thread.currentThread()) ? Outcome.ACQUIRED : lockContended(false, nanos));
  }

  private boolean lockInterruptibly(long nanos) throws InterruptedException {
    if (Lockdep.isEnabled() && nanos > 0) {
      checkMayLock();
    }
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    Outcome outcome =
        mutex.tryLock(Thread.currentThread()) ? Outcome.ACQUIRED : lockContended(true, nanos);
    if (outcome == Outcome.INTERRUPTED) {
      throw new InterruptedException();
    }
    return taken(outcome);
  }

  private Outcome lockContended(boolean interruptible, long nanos) {
    checkNotHeld();
    if (nanos <= 0) {
      return Outcome.TIMED_OUT;
    }
    Lockdep.beforeWait(this, false);
    try {
      return mutex.lock(Thread.currentThread(), interruptible, nanos);
    } finally {
      Lockdep.afterWait();
    }
  }

  private boolean taken(Outcome outcome) {
    if (outcome != Outcome.ACQUIRED) {
      return false;
    }
    boolean noted = false;
    try {
      Lockdep.locked(this);
      noted = true;
    } finally {
      if (!noted) {
        mutex.unlock(Thread.currentThread()); // the caller doesn't know that it has it
      }
    }
    return true;
  }

  /**
   * Gives the lock back; slots that were reserved and not used vanish (rule CR5), and so do the
   * segments of {@link DmaBuf#vmapLocked}. One that was taken in an {@link AcquireContext} is given
   * back as by {@link AcquireContext#unlock}.
   *
   * @throws IllegalStateException if this thread doesn't hold it, or native code that it came from
   *     is inside such a segment: then it stays locked
   */
  public void unlock() {
    // With nothing to drop or to report, the CAS itself finds out whether this thread has the lock.
    if (Lockdep.isEnabled()
        || slots.hasReserved()
        || vmaps != null
        || !mutex.tryUnlock(Thread.currentThread())) {
      unlockOther();
    }
  }

  /** Gives back what has waiters or reserved slots, is a context's, or is not held at all. */
  private void unlockOther() {
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

  /** The part of an unlock that can be refused: the caller unlocks next, or not at all. */
  void endSegments() {
    Vmap.endSegments(this);
  }

  void unlock(Object claim) {
    if (vmaps == null) {
      unlockNow(claim);
    } else {
      endSegments();
      RunAll steps = new RunAll();
      Vmap ended = Vmap.endLocked(this, steps);
      steps.run(() -> unlockNow(claim));
      Vmap.putAll(ended, steps); // without the lock: a buffer may end
      steps.finish();
    }
  }

  private void unlockNow(Object claim) {
    slots.dropReserved();
    try {
      Lockdep.unlocked(this);
    } finally { // whatever the validator has to say
      mutex.unlock(claim);
    }
  }

  /**
   * Whether some thread holds the lock.
   *
   * @return a snapshot
   */
  public boolean isLocked() {
    return mutex.isLocked();
  }

  /**
   * Whether the calling thread holds the lock.
   *
   * @return true if it does, alone or in an {@link AcquireContext}
   */
  public boolean isHeldByCurrentThread() {
    Thread current = Thread.currentThread();
    Object claim = mutex.claim();
    return claim == current || (claim instanceof AcquireContext held && held.owner == current);
  }

  @Nullable Thread holder() {
    Object claim = mutex.claim();
    return claim instanceof AcquireContext context ? context.owner : (Thread) claim;
  }

  /** Throws what {@link #lock} would throw without waiting. */
  void checkMayLock() {
    checkNotHeld();
    Lockdep.beforeLock(this);
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
   * Makes room for fences to be added before the lock is given back. Beside {@link #copyFrom} the
   * only call that may allocate (rule CR9).
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
   * one of the same context with equal or weaker usage (design rule RL6). Never allocates.
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
   * Takes over all fences of another one, whose lock is not needed, for its own (rule CR14).
   *
   * @param source where to copy from
   * @throws IllegalStateException if this thread doesn't hold the lock of this reservation
   */
  public void copyFrom(Reservation source) {
    assertHeld("copyFrom");
    slots.copyFrom(source.slots);
  }

  /**
   * Appends the pending fences of a usage and of all stronger ones, without a copy in between, to a
   * list that is made where there is none and something to append. Lock held.
   */
  @Nullable List<Fence> collect(FenceUsage usage, @Nullable List<Fence> pending) {
    return slots.collect(usage, pending);
  }

  // ---- fences, for anybody ----

  /** What {@link #forEach} calls with what it finds. */
  public interface FenceVisitor {
    /**
     * What was shown so far is void: another round starts. Called before the first fence too (rule
     * CR11).
     */
    void restarted();

    /**
     * One fence.
     *
     * @param fence the fence
     * @param usage what it stands for
     */
    void fence(Fence fence, FenceUsage usage);
  }

  /**
   * Shows the pending fences of a usage and of all stronger ones to a visitor, without the lock and
   * without a copy ({@code dma_resv_for_each_fence_unlocked}). Where somebody changes the fences
   * meanwhile, it begins again and says so; so what was shown since {@link
   * FenceVisitor#restarted()} was last called is one consistent state once this returns, and before
   * that a part of one. A visitor that is outrun several times in a row is shown a copy; one that
   * can't undo what it did uses {@link #fences}.
   *
   * @param usage the weakest usage to show
   * @param visitor called on this thread; may do what it wants, also change the fences
   */
  public void forEach(FenceUsage usage, FenceVisitor visitor) {
    slots.forEach(usage, visitor);
  }

  /**
   * Shows the fences of a usage and of all stronger ones to a visitor, those that have signaled
   * too, in the order of their slots, under the lock ({@code dma_resv_for_each_fence}).
   *
   * @param usage the weakest usage to show
   * @param visitor called on this thread; must not change the fences of this reservation
   * @throws IllegalStateException if this thread doesn't hold the lock
   * @throws java.util.ConcurrentModificationException if the visitor changed the fences
   */
  public void forEachLocked(FenceUsage usage, BiConsumer<Fence, FenceUsage> visitor) {
    assertHeld("forEachLocked");
    slots.forEachLocked(usage, visitor);
  }

  /**
   * The pending fences of a usage and of all stronger ones, foreign ones last.
   *
   * @param usage the weakest usage to return
   * @return a new list, empty if nothing is pending
   * @throws DmaBufException if the exporter can't find out about those of others
   */
  public List<Fence> fences(FenceUsage usage) {
    List<Fence> pending = ownFences(usage);
    Exporter others = exporter;
    if (others != null) {
      pending.addAll(others.foreignFences(usage));
    }
    return pending;
  }

  /** As {@link #fences}, without a list of its own where there is nothing to wait for here. */
  private List<Fence> toWaitFor(FenceUsage usage) {
    if (!slots.isSignaled(usage)) {
      return fences(usage);
    }
    Exporter others = exporter;
    return others == null ? List.of() : others.foreignFences(usage);
  }

  /** Those that are in this reservation. */
  List<Fence> ownFences(FenceUsage usage) {
    List<Fence> pending = new ArrayList<>();
    slots.snapshot().collect(usage, pending);
    return pending;
  }

  /**
   * One fence for all pending ones of a usage and of all stronger ones ({@code
   * dma_resv_get_singleton}).
   *
   * @param usage the weakest usage to include
   * @return the only one, an array of several, or {@link Fence#stub()} if nothing is pending
   * @throws DmaBufException as {@link #fences} does
   */
  public Fence merged(FenceUsage usage) {
    return Fences.merge(fences(usage));
  }

  /**
   * Whether nothing of a usage or of a stronger one is pending ({@code dma_resv_test_signaled}).
   *
   * @param usage the weakest usage to look at
   * @return true if all have signaled
   * @throws DmaBufException as {@link #fences} does
   */
  public boolean isSignaled(FenceUsage usage) {
    Exporter others = exporter;
    return slots.isSignaled(usage) && (others == null || others.foreignFences(usage).isEmpty());
  }

  /** Whether all of those that are in this reservation have signaled. */
  boolean hasOwnSignaled(FenceUsage usage) {
    return slots.isSignaled(usage);
  }

  /**
   * Waits until everything of a usage and of all stronger ones that is pending now has signaled, at
   * most {@link Fences#defaultTimeout()} for all of it. With or without the lock; what is added
   * meanwhile is not waited for.
   *
   * @param usage the weakest usage to wait for
   * @throws FenceTimeoutException if a fence didn't signal in time
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public void await(FenceUsage usage) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    List<Fence> pending = toWaitFor(usage);
    if (!pending.isEmpty()) {
      Deadline.after(Fences.defaultTimeout()).awaitAll(pending);
    }
  }

  /**
   * Waits as {@link #await(FenceUsage)} does, not interruptibly: an interrupt is kept for later.
   *
   * @param usage the weakest usage to wait for
   * @throws FenceTimeoutException if a fence didn't signal in time
   */
  public void awaitUninterruptibly(FenceUsage usage) {
    List<Fence> pending = toWaitFor(usage);
    if (!pending.isEmpty()) {
      Deadline.after(Fences.defaultTimeout()).awaitAllUninterruptibly(pending);
    }
  }

  /**
   * Waits for a limited time until everything of a usage and of all stronger ones that is pending
   * now has signaled ({@code dma_resv_wait_timeout}).
   *
   * @param usage the weakest usage to wait for
   * @param timeout how long to wait for all of it; zero or less only looks
   * @return true if all have signaled, also where there was no time to wait (rule CR13)
   * @throws FenceTimeoutException if a fence stayed silent for longer than its context allows
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public boolean await(FenceUsage usage, Duration timeout) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    Deadline deadline = Deadline.after(timeout);
    for (Fence fence : toWaitFor(usage)) {
      if (!fence.await(deadline.left())) {
        return false;
      }
    }
    return true;
  }

  /**
   * Waits as {@link #await(FenceUsage, Duration)} does, not interruptibly.
   *
   * @param usage the weakest usage to wait for
   * @param timeout how long to wait for all of it; zero or less only looks
   * @return true if all have signaled
   * @throws FenceTimeoutException if a fence stayed silent for longer than its context allows
   */
  public boolean awaitUninterruptibly(FenceUsage usage, Duration timeout) {
    Deadline deadline = Deadline.after(timeout);
    for (Fence fence : toWaitFor(usage)) {
      if (!fence.awaitUninterruptibly(deadline.left())) {
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
