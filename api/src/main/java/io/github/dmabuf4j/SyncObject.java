package io.github.dmabuf4j;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A timeline of numbered points that clients fill in as they submit work ({@code drm_syncobj}). In
 * contrast to a {@link Fence} a {@link SyncPoint} may be waited for before anybody has said what it
 * stands for; hence it is no fence, and there is no way to put it into a {@link Reservation}: such
 * a wait depends on what a client does next (rules CS5 to CS9, CF2). What can be put there are the
 * fences that were submitted.
 *
 * <p><b>Points.</b> A point stands for a {@link FenceChain} node: it is reached when its fence and
 * those of all points before have signaled. Points are submitted in rising order. One that isn't
 * above the last one is tolerated, but begins another context: from then on the points up to the
 * last one can't be told apart, and stand for everything submitted so far (rule CS9).
 *
 * <p><b>Point 0</b> is the binary use: submitting it replaces everything by one fence, and its
 * fence is whatever the timeline holds as a whole.
 *
 * <p><b>End.</b> {@link #close} fails the waits for points that were never submitted, and makes all
 * else but looking at the name an {@link IllegalStateException}. Fences that somebody has found
 * before, and waits for them, are not concerned.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, with or without reservations held;
 * those of {@link SyncPoint} that wait for submit, with none (rule CS7).
 *
 * <p><b>Memory consistency effects.</b> What happens before a submission happens before the return
 * of a wait for it, or of {@link SyncPoint#fence} that finds it.
 *
 * <p>Source: drivers/gpu/drm/drm_syncobj.c; rules CS5 to CS9.
 */
public final class SyncObject implements AutoCloseable {
  /*
   * Invariant, guarded by `lock`: `slot` is what the timeline stands for as a whole, and no waiter in `waiting` is for a
   * point that is submitted: whoever writes `slot` hands each waiter its fence in the same section. So a waiter misses no
   * submission, and a reset that follows doesn't take from it what it was given (rule CS6). `slot` is read without the lock.
   *
   * Under the lock no code of anybody else runs: chain nodes are made there, but begin to listen to their parts only
   * afterwards, and waiters are only unparked.
   */
  private final Object lock = new Object();
  private final String name;
  private final Set<SyncWait.Entry> waiting = new HashSet<>();
  private volatile @Nullable Fence slot;
  private volatile boolean closed;

  private SyncObject(String name, @Nullable Fence slot) {
    this.name = Objects.requireNonNull(name, "name");
    this.slot = slot;
  }

  /**
   * Creates a timeline without points.
   *
   * @param name what it stands for, in reports
   * @return a new timeline
   */
  public static SyncObject create(String name) {
    return new SyncObject(name, null);
  }

  /**
   * Creates a timeline whose point 0 is signaled, for binary use ({@code
   * DRM_SYNCOBJ_CREATE_SIGNALED}).
   *
   * @param name what it stands for, in reports
   * @return a new timeline
   */
  public static SyncObject createSignaled(String name) {
    return new SyncObject(name, Fence.stub());
  }

  /**
   * A point of this timeline, submitted or not.
   *
   * @param number the point's number, or 0 for the timeline as a whole
   * @return the point
   * @throws IllegalArgumentException if the number is negative
   */
  public SyncPoint at(long number) {
    return new SyncPoint(this, number);
  }

  /**
   * What this timeline stands for.
   *
   * @return the name it was given
   */
  public String name() {
    return name;
  }

  /**
   * The last point up to which everything has signaled. Only points of the last context count, see
   * {@link SyncObject} about points out of order.
   *
   * @return a point, 0 if there is none, and in binary use
   * @throws IllegalStateException if this timeline is closed
   */
  public long lastSignaled() {
    checkOpen();
    if (!(slot instanceof FenceChain tail)) {
      return 0;
    }
    FenceChain oldest = tail;
    Fence before = tail.previousPending();
    while (before instanceof FenceChain node && node.context() == tail.context()) {
      oldest = node;
      before = node.previousPending();
    }
    if (before != null) {
      return 0; // what comes before all points of this context is pending
    }
    return oldest.fence().isSignaled() ? oldest.seqno() : oldest.previousSeqno();
  }

  /**
   * The last point that was submitted.
   *
   * @return a point, 0 if there is none, and in binary use
   * @throws IllegalStateException if this timeline is closed
   */
  public long lastSubmitted() {
    checkOpen();
    return slot instanceof FenceChain tail ? tail.seqno() : 0;
  }

  /**
   * Forgets all points. Waits keep the fences they have found; those for submit go on waiting (rule
   * CS6).
   *
   * @throws IllegalStateException if this timeline is closed
   */
  public void reset() {
    synchronized (lock) {
      checkOpen();
      slot = null;
    }
  }

  /**
   * Whether this timeline is closed.
   *
   * @return true once {@link #close} was called
   */
  public boolean isClosed() {
    return closed;
  }

  /**
   * Ends this timeline: waits for points that were never submitted fail with {@link
   * FenceAbandonedException}. Closing again does nothing.
   */
  @Override
  public void close() {
    List<SyncWait.Entry> left;
    synchronized (lock) {
      closed = true;
      slot = null;
      left = List.copyOf(waiting);
      waiting.clear();
    }
    left.forEach(SyncWait.Entry::abandoned);
  }

  @Override
  public String toString() {
    long last = slot instanceof FenceChain tail ? tail.seqno() : 0L;
    return closed
        ? "sync timeline %s (closed)".formatted(name)
        : "sync timeline %s, submitted up to %d".formatted(name, last);
  }

  // ---- for the points and their waits ----

  /** Says what a point stands for. */
  void submit(long number, Fence fence) {
    Fence submitted;
    List<SyncWait.Entry> found = new ArrayList<>(0);
    synchronized (lock) {
      checkOpen();
      submitted = number == 0 ? fence : FenceChain.unstarted(slot, fence, number);
      slot = submitted;
      for (SyncWait.Entry waiter : waiting) {
        Fence its = find(submitted, waiter.number());
        if (its != null) {
          waiter.found(its);
          found.add(waiter);
        }
      }
      found.forEach(waiting::remove);
    }
    found.forEach(SyncWait.Entry::wake);
    if (submitted instanceof FenceChain node) {
      node.enableSignaling();
      var _ = node.previousPending(); // takes out what has signaled
    }
  }

  /** What a point stands for, or null if nobody has submitted it. */
  @Nullable Fence find(long number) {
    checkOpen();
    return find(slot, number);
  }

  /** As {@link #find}, also where this is closed. */
  @Nullable Fence look(long number) {
    return find(slot, number);
  }

  private static @Nullable Fence find(@Nullable Fence slot, long number) {
    if (slot == null || number == 0) {
      return slot;
    }
    if (!(slot instanceof FenceChain tail) || number > tail.seqno()) {
      return null;
    }
    Fence found = tail.find(number);
    return found == null ? Fence.stub() : found;
  }

  /** Finds a point's fence, or has the waiter told when it is submitted. */
  void findOrWait(SyncWait.Entry waiter) {
    synchronized (lock) {
      checkOpen();
      Fence found = find(slot, waiter.number());
      if (found == null) {
        waiting.add(waiter);
      } else {
        waiter.found(found);
      }
    }
  }

  void forget(SyncWait.Entry waiter) {
    synchronized (lock) {
      waiting.remove(waiter);
    }
  }

  /** How many wait for a submission. */
  int waiting() {
    synchronized (lock) {
      return waiting.size();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("sync timeline " + name + " is closed");
    }
  }
}
