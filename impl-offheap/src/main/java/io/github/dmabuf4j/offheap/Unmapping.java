package io.github.dmabuf4j.offheap;

import java.lang.System.Logger.Level;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Unmaps slabs, and sees to it that what refuses is tried again.
 *
 * <p><b>Invariant.</b> If a slab refused since the timer last began to try, {@code retrying} is
 * true and the timer is going to; unless there was no Java heap for that: then whoever gives
 * anything back tries it, and the timer after the next refusal.
 *
 * <p><b>Threads.</b> Any; the lock of the {@link Slabs} isn't held, for unmapping takes a while.
 */
final class Unmapping {
  private static final System.Logger LOG = System.getLogger(Unmapping.class.getName());

  /** How much Java heap has to be there before something begins that can't be undone, in bytes. */
  private static final int ROOM = 16 << 10;

  /** What was allocated to see whether it is there: a field, or the compiler would leave it out. */
  @SuppressWarnings("UnusedVariable")
  private static volatile byte @Nullable [] room;

  private final Pool pool;
  private final AtomicBoolean retrying = new AtomicBoolean();

  Unmapping(Pool pool) {
    this.pool = pool;
  }

  /**
   * False if native code is running that was given a segment of it, although the hold on that is
   * closed; if only another thread can do it; or if there is no Java heap for it.
   */
  boolean unmap(Slab slab) {
    try {
      room = new byte[ROOM];
      room = null;
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
      retryLater();
      return false;
    } catch (OutOfMemoryError e) {
      if (!slab.region.arena().scope().isAlive()) {
        return true; // others took the room: what of it is still mapped can't be known any more
      }
      retryLater();
      return false;
    }
  }

  private static void warn(Slab slab, IllegalStateException refusal) {
    try {
      LOG.log(
          Level.WARNING,
          "%d B at %#x stay mapped for now: native code uses a POOL segment whose hold is closed"
              .formatted(slab.region.segment().byteSize(), slab.region.address()),
          refusal);
    } catch (OutOfMemoryError | LinkageError e) { // the latter for want of Java heap, too
      // It is tried again all the same.
    }
  }

  private void retryLater() {
    if (!retrying.getAndSet(true)) {
      try {
        Decay.retryLater(pool);
      } catch (OutOfMemoryError e) {
        retrying.set(false);
      }
    }
  }

  /** The timer begins to try what refused: the next refusal asks it anew. */
  void beginRetry() {
    retrying.set(false);
  }
}
