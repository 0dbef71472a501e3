package io.github.dmabuf4j.offheap;

import java.lang.System.Logger.Level;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Unmaps slabs: now, or a second later where they may be needed again or refused.
 *
 * <p><b>Invariant.</b> If that was wanted since the timer last began, {@code due} is true and the
 * timer is going to; unless there was no Java heap for that: then it is when it is wanted next.
 *
 * <p><b>Threads.</b> Any; the lock of the {@link Slabs} isn't held, for unmapping takes a while.
 */
final class Unmapping {
  private static final System.Logger LOG = System.getLogger(Unmapping.class.getName());

  private final Pool pool;
  private final AtomicBoolean due = new AtomicBoolean();

  Unmapping(Pool pool) {
    this.pool = pool;
  }

  /**
   * False if native code is running that was given a segment of it, although the hold on that is
   * closed; if only another thread can do it; or if there is no Java heap for it.
   */
  boolean unmap(Slab slab) {
    try {
      slab.region.arena().close();
      return true;
    } catch (WrongThreadException e) {
      LOG.log(Level.DEBUG, "memory of another thread stays until that needs some", e);
      return false; // which finds it itself: the timer can't do it
    } catch (IllegalStateException e) {
      if (!slab.refused) {
        slab.refused = true;
        warn(slab, e);
      }
      later();
      return false;
    } catch (OutOfMemoryError e) {
      later();
      return false;
    }
  }

  private static void warn(Slab slab, IllegalStateException refusal) {
    try {
      LOG.log(
          Level.WARNING,
          "%s stays mapped for now: native code uses a POOL segment whose hold is closed"
              .formatted(slab.region),
          refusal);
    } catch (OutOfMemoryError e) {
      // It is tried again all the same.
    }
  }

  /** Lets the timer do it in a second. */
  void later() {
    if (!due.getAndSet(true)) {
      try {
        Decay.retryLater(pool);
      } catch (OutOfMemoryError e) {
        due.set(false);
      }
    }
  }

  /** The timer begins: who wants it from now on asks anew. */
  void beginRetry() {
    due.set(false);
  }
}
