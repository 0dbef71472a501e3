package io.github.dmabuf4j.offheap;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a shared slab of which nothing is outside any more. Its pages went back already,
 * and the next buffers often want it again, while unmapping it makes all threads of the JVM stop
 * for a moment, and takes the tables of its pages away. So the timer does that within a second, if
 * it is still empty then. It is done at once if pages could not go back, or the system refuses a
 * mapping, or the pool ends.
 *
 * <p><b>Invariant.</b> A slab that is being unmapped is in the list, {@code leaving}: no block is
 * taken out of it, and it can't be lost, whatever fails. If {@link #unmapSoon} was called since the
 * timer last began, {@code due} is true and the timer is going to; unless there was no Java heap
 * for that: then the next tick of the pool asks.
 *
 * <p><b>Locks.</b> {@code unmappingNow} is held by the one who unmaps, so that whoever has waited
 * for it finds what others gave back; the lock of the {@link Slabs} is taken inside, for the list,
 * and isn't held while the system unmaps.
 */
final class EmptySlabs {
  private final Pool pool;
  private final ReentrantLock slabsLock;
  private final SharedSlabs shared;
  private final Unmapping unmapping;
  private final ReentrantLock unmappingNow = new ReentrantLock();
  private final AtomicBoolean due = new AtomicBoolean();

  /**
   * Creates it.
   *
   * @param slabsLock guards the list
   */
  EmptySlabs(Pool pool, ReentrantLock slabsLock, SharedSlabs shared, Unmapping unmapping) {
    this.pool = pool;
    this.slabsLock = slabsLock;
    this.shared = shared;
    this.unmapping = unmapping;
  }

  /** Unmaps them, or waits for whoever is at it; those that refuse stay, and can be used. */
  void unmap() {
    unmappingNow.lock();
    try {
      for (int i = count() - 1; i >= 0; i--) { // what others add meanwhile comes behind
        Slab slab = beginLeaving(i);
        if (slab != null) {
          unmap(slab, i);
        }
      }
    } finally {
      unmappingNow.unlock();
    }
  }

  private void unmap(Slab slab, int index) {
    boolean gone = false;
    try {
      gone = unmapping.unmap(slab);
    } finally {
      endLeaving(index, gone);
    }
  }

  private int count() {
    slabsLock.lock();
    try {
      return shared.count();
    } finally {
      slabsLock.unlock();
    }
  }

  private @Nullable Slab beginLeaving(int index) {
    slabsLock.lock();
    try {
      return shared.beginLeaving(index);
    } finally {
      slabsLock.unlock();
    }
  }

  private void endLeaving(int index, boolean gone) {
    slabsLock.lock();
    try {
      shared.endLeaving(index, gone);
    } finally {
      slabsLock.unlock();
    }
  }

  /** Lets the timer unmap what is empty in a second, or sooner if others asked already. */
  void unmapSoon() {
    if (!due.getAndSet(true)) {
      try {
        Decay.unmapSoon(pool);
      } catch (OutOfMemoryError e) {
        due.set(false);
      }
    }
  }

  /** The same, if any is empty: at each tick, for want of Java heap before. */
  void unmapSoonIfAny() {
    boolean any;
    slabsLock.lock();
    try {
      any = shared.hasEmpty();
    } finally {
      slabsLock.unlock();
    }
    if (any) {
      unmapSoon();
    }
  }

  /** The timer does it: who asks from now on asks anew. */
  void unmapInTurn() {
    due.set(false);
    unmap();
  }
}
