package io.github.dmabuf4j.offheap;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads that wait for others to release buffers, first come, first served: the first one tries at
 * each release, so that a large request isn't starved by small ones. Strict order alone could
 * deadlock, where the first waits for buffers of one that stands behind it: while nothing is
 * released, those behind may try as well, and keep what nobody before them could use.
 *
 * <p><b>Invariant: no wake-up is lost</b>, although a release neither takes a lock nor pays for a
 * fence. A waiter first raises {@code watchers}, and then looks at every place where a released
 * block can be, setting each stripe's flag in turn. A releaser first puts the block into a place,
 * and then reads {@code watchers}. For the flag of that place, either the waiter came second and
 * finds the block; or the releaser did, and then the waiter's release of the flag and the
 * releaser's acquire make the raised count visible to it, and it wakes the waiter. From that place
 * a block moves to no other while somebody looks ({@link PatientLooks}). The overflow stack and the
 * first use of a magazine are volatile on both sides, and the lock of the slabs does the same for
 * bytes that go back to the limit.
 *
 * <p>The wake-up itself can still be used up by a lock that the waiter parks for during its try; it
 * compares {@code wakeUps} before it parks for memory.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th></tr>
 * <tr><td>watchers</td><td>volatile</td><td>atomic add</td></tr>
 * <tr><td>wakeUps</td><td>volatile</td><td>atomic add</td></tr>
 * </table>
 */
final class Waiters {
  /**
   * How long nothing must have been released before those behind the first one may try, in
   * nanoseconds.
   */
  static final long STALL_NANOS = 20_000_000;

  private static final VarHandle WATCHERS;
  private static final VarHandle WAKE_UPS;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      WATCHERS = lookup.findVarHandle(Waiters.class, "watchers", int.class);
      WAKE_UPS = lookup.findVarHandle(Waiters.class, "wakeUps", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** A thread that waits, or will begin to, for some bytes; compared by identity. */
  static final class Waiter {
    final Thread thread;
    private final long bytes;

    Waiter(Thread thread, long bytes) {
      this.thread = thread;
      this.bytes = bytes;
    }
  }

  final WaitReports reports = WaitReports.likeFences();

  private final ConcurrentLinkedQueue<Waiter> queue = new ConcurrentLinkedQueue<>();

  private volatile int watchers;
  private volatile int wakeUps;

  /**
   * Whether anybody wants to know of releases, or that the pool isn't open. Read by each allocation
   * and release.
   */
  boolean areWatching() {
    return watchers != 0;
  }

  /** Wants to know, from now on or no longer, without waiting here. */
  void watch(boolean begin) {
    WATCHERS.getAndAdd(this, begin ? 1 : -1);
  }

  boolean isEmpty() {
    return queue.isEmpty();
  }

  /** How many wait; walks the queue. */
  int count() {
    return queue.size();
  }

  /** Queues the calling thread, or one that will begin to wait. */
  void join(Waiter waiter) {
    queue.add(waiter);
    watch(true); // before its first look
  }

  /** Ends a wait, if it hasn't ended yet; the next one may try. */
  void leave(Waiter waiter) {
    if (queue.remove(waiter)) {
      watch(false);
      wakeFirst();
    }
  }

  boolean isFirst(Waiter waiter) {
    return queue.peek() == waiter;
  }

  /**
   * Whether somebody before this one could use what is there; the first in line is told.
   *
   * @param bytes how much is there
   */
  boolean areOthersDue(Waiter waiter, long bytes) {
    for (Waiter other : queue) {
      if (other == waiter) {
        return false;
      }
      if (other.bytes <= bytes) {
        if (isFirst(other)) {
          wakeFirst(); // the rest look around by themselves
        }
        return true;
      }
    }
    return false;
  }

  /** A number that changes with each release. */
  int wakeUps() {
    return wakeUps;
  }

  /** Something was released. */
  void wakeFirst() {
    WAKE_UPS.getAndAdd(this, 1);
    Waiter waiter = queue.peek();
    if (waiter != null) {
      LockSupport.unpark(waiter.thread);
    }
  }

  /** The pool's state changed. */
  void wakeAll() {
    WAKE_UPS.getAndAdd(this, 1);
    queue.forEach(waiter -> LockSupport.unpark(waiter.thread));
  }
}
