package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.BufInfo;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * How a pool ends (design rule AL11).
 *
 * <pre>
 *   OPEN ──close──▶ CLOSING ──nothing live──▶ CLOSED
 *     ▲                │                        ▲
 *     └── still live ──┘                        │
 *   OPEN ──drain──▶ DRAINING ──last release─────┘
 * </pre>
 *
 * <p><b>Invariant.</b> While the state isn't OPEN, the waiters' count of watchers has one more, so
 * that allocations and releases look here; and, once the change has come through, the slabs are
 * sealed. CLOSED implies that nothing is committed, no buffer was evicted or purged and is live,
 * and no user memory is in use, and is terminal; the memory is closed then, once.
 *
 * <p>An allocation that took a block out of a magazine before it could see a change goes on: the
 * closer finds its block neither idle nor given back, and waits until it is exported, which makes
 * it live, or put back. So it is with a buffer that somebody evicts or purges just now, who has a
 * reference to it: it may have no other any more.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>state</td><td>volatile</td><td>volatile; DRAINING to CLOSED by CAS</td><td>lock, but for that CAS</td></tr>
 * <tr><td>shuts</td><td>volatile</td><td>volatile</td><td>lock</td></tr>
 * </table>
 *
 * <p><b>Locks.</b> The lock is held by whoever closes or begins to drain, and waited for by
 * allocations that meet a pool that is being closed; flags of stripes and the lock of the slabs are
 * taken inside.
 */
final class Lifecycle {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(Lifecycle.class, "state", State.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final long LOOK_AGAIN_NANOS = 50_000;
  private static final int STUCK_LOOKS = 20_000; // a second

  private enum State {
    OPEN,
    CLOSING,
    DRAINING,
    CLOSED
  }

  private final Pool pool;
  private final ReentrantLock lock = new ReentrantLock();
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile State state = State.OPEN;
  private volatile int shuts;

  Lifecycle(Pool pool) {
    this.pool = pool;
  }

  /** A number that changes each time the slabs are sealed. */
  int shuts() {
    return shuts;
  }

  boolean isOpen() {
    return state == State.OPEN;
  }

  boolean isOpenOrClosing() {
    State now = state; // once: a close that is refused goes from one to the other
    return now == State.OPEN || now == State.CLOSING;
  }

  boolean isClosed() {
    return state == State.CLOSED;
  }

  /** Whether no allocation will succeed any more. */
  boolean hasEnded() {
    return !isOpenOrClosing();
  }

  /**
   * Refuses allocations of a pool that is closed or drained; where that is being decided, waits for
   * the outcome.
   *
   * @param patiently whether to wait, else the caller goes on, and finds nothing
   */
  void requireOpen(boolean patiently) {
    if (state == State.CLOSING && patiently) {
      awaitOutcome();
    }
    if (hasEnded()) {
      throw new IllegalStateException(pool.name + " is closed: it gives no more buffers");
    }
  }

  private void awaitOutcome() {
    lock.lock();
    try {
      // Whoever was closing has made up its mind.
    } finally {
      lock.unlock();
    }
  }

  /** Closes, if nothing is live. */
  void close() {
    lock.lock();
    try {
      if (state == State.CLOSED) {
        return;
      }
      boolean wasOpen = state == State.OPEN;
      if (wasOpen) {
        shut(State.CLOSING);
      }
      boolean done = false;
      try {
        giveAllBack();
        done = true;
      } finally {
        if (!done && wasOpen) {
          reopen();
        }
      }
    } finally {
      lock.unlock();
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // the lock is held
  private void shut(State next) {
    state = next;
    shuts++; // after the state: who sees the count sees the state
    pool.waiters.watch(true);
    pool.seal(true);
  }

  private void reopen() {
    pool.seal(false);
    state = State.OPEN;
    pool.waiters.watch(false);
    pool.waiters.wakeAll();
  }

  private void giveAllBack() {
    for (int look = 0; ; look++) {
      pool.returns.giveBackAll();
      if (pool.user.count() == 0 && pool.slabs.committed() <= pool.ownBytes()) {
        pool.endPartsIfUnused(); // nothing has memory, unless in the region
      }
      if (pool.slabs.areSpent() && pool.user.count() == 0) {
        end();
        return;
      }
      BufInfo live = pool.infoOfAll();
      boolean mayEnd = look < STUCK_LOOKS && pool.isBeingReclaimed();
      if (!live.buffers().isEmpty() && !mayEnd) {
        throw new IllegalStateException(
            "%s has %d live buffers: close them first, or call drain; %s"
                .formatted(pool.name, live.buffers().size(), live.holders()));
      }
      if (look == STUCK_LOOKS) {
        throw new IllegalStateException(
            "%s can't be closed now: a buffer has just been allocated and isn't filled yet, or native code uses a POOL segment whose hold is closed, or memory can be freed by the thread that allocated it only"
                .formatted(pool.name));
      }
      LockSupport.parkNanos(LOOK_AGAIN_NANOS); // a block is between a magazine and its user
    }
  }

  private void end() {
    state = State.CLOSED;
    try {
      pool.endMemory(); // before anybody is told
    } finally {
      closed.countDown();
      pool.waiters.wakeAll();
    }
  }

  /** Refuses allocations and waits for the users; false if some were left. */
  boolean drain(long nanos) throws InterruptedException {
    beginDraining();
    return closed.await(nanos, TimeUnit.NANOSECONDS);
  }

  /** Refuses allocations from now on; the last release gives the memory back. */
  void beginDraining() {
    lock.lock();
    try {
      if (state == State.OPEN) {
        shut(State.DRAINING);
        pool.waiters.wakeAll();
      }
    } finally {
      lock.unlock();
    }
    pool.returns.giveBackAll();
    pool.endPartsIfUnused();
    afterGivingBack();
  }

  /** A block came back while somebody was watching. */
  void afterReturn() {
    if (state == State.DRAINING) {
      pool.returns.giveBackAll();
      pool.endPartsIfUnused();
    }
  }

  /** Bytes went back to the limit, or to whose memory it was. */
  void afterGivingBack() {
    if (state == State.DRAINING
        && pool.slabs.areSpent()
        && pool.user.count() == 0
        && STATE.compareAndSet(this, State.DRAINING, State.CLOSED)) {
      end();
    }
  }
}
