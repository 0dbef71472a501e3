package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.offheap.CandidateRanges.Candidate;
import io.github.dmabuf4j.offheap.RegionSnapshot.Occupied;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Clears ranges of a region for one request.
 *
 * <p><b>Progress.</b> A range is isolated before anything is moved out of it: what has left doesn't
 * come back, so each round at a range has less to do than the one before.
 *
 * <p><b>Threads.</b> That of the request; no lock is held while something is moved, or waited for.
 */
final class Clearing {
  private static final long SHORTEST_PAUSE_NANOS = 20_000;
  private static final long LONGEST_PAUSE_NANOS = 2_000_000;

  private final ReservedRegion region;

  /** Whether something could not move for want of room elsewhere. */
  private boolean lackedRoom;

  Clearing(ReservedRegion region) {
    this.region = region;
  }

  /** Whether something could not move for want of room elsewhere since the last call. */
  boolean hasLackedRoom() {
    boolean before = lackedRoom;
    lackedRoom = false;
    return before;
  }

  /**
   * Clears a range and takes it.
   *
   * @param range which
   * @param nanos how long to wait for those who use something in it; 0 to give it up at the first
   *     such
   * @param inTheWay where to add what could not be moved
   * @return the range, or null if it could not be cleared, or the region is sealed
   */
  @Nullable Block clear(Candidate range, long nanos, Collection<? super MovableBuffer> inTheWay)
      throws InterruptedException {
    Isolation isolation = region.isolate(range.start(), range.end());
    if (isolation == null) {
      return null; // somebody came first
    }
    Block cleared = null;
    try {
      cleared = clear(isolation, nanos, inTheWay);
      return cleared;
    } finally {
      if (cleared == null) {
        region.giveUp(isolation);
      }
    }
  }

  private @Nullable Block clear(
      Isolation isolation, long nanos, Collection<? super MovableBuffer> inTheWay)
      throws InterruptedException {
    long start = System.nanoTime();
    long pause = SHORTEST_PAUSE_NANOS;
    while (true) {
      List<Occupied> left = region.occupantsOf(isolation);
      if (left.isEmpty()) {
        return region.takeIsolated(isolation);
      }
      List<MovableBuffer> stuck = new ArrayList<>();
      if (moveOut(left, nanos == 0, stuck)) {
        continue;
      }
      if (System.nanoTime() - start >= nanos) {
        inTheWay.addAll(stuck);
        return null;
      }
      pause(pause);
      pause = Math.min(LONGEST_PAUSE_NANOS, 2 * pause);
    }
  }

  /** Moves what it can; false if something stayed. */
  private boolean moveOut(List<Occupied> left, boolean orStop, List<MovableBuffer> stuck) {
    boolean all = true;
    for (Occupied one : left) {
      if (!moveOut(one)) {
        all = false;
        if (one.user() instanceof MovableBuffer buffer) {
          stuck.add(buffer);
        }
        if (orStop) {
          break;
        }
      }
    }
    return all;
  }

  private boolean moveOut(Occupied one) {
    if (!(one.user() instanceof MovableBuffer buffer)) {
      return false; // on its way
    }
    Migration migration = region.migration;
    Migration.Outcome outcome = migration.moveOrPassBy(buffer, one.block(), migration::anywhere);
    lackedRoom |= outcome == Migration.Outcome.NO_ROOM;
    return outcome == Migration.Outcome.MOVED;
  }

  /** Waits until something changes, but not for long: not everybody who lets go says so. */
  void pause() throws InterruptedException {
    pause(LONGEST_PAUSE_NANOS);
  }

  private void pause(long nanos) throws InterruptedException {
    region.awaitChange(nanos);
    if (Thread.interrupted()) {
      throw new InterruptedException(
          "interrupted while waiting for a contiguous range of " + region.pool.name);
    }
  }
}
