package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.OutOfBuffersException;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * How a block is found that isn't there at once: what each {@link AllocPolicy} does (design rule
 * AL2). Has no state of its own; waits with no lock held.
 *
 * <p>Policies that don't wait take what they find, before those who wait: they would fail with
 * memory in sight otherwise. Those who may wait queue up, see {@link Waiters}.
 */
final class Supply {
  /** How long TRY_HARD waits for others, in nanoseconds. */
  static final long TRY_HARD_NANOS = 50_000_000;

  /**
   * How often the first in line reclaims, in nanoseconds: nobody wakes it when a buffer is no
   * longer used that could be evicted or purged.
   */
  private static final long RECLAIM_NANOS = 20_000_000;

  /** How often NORMAL tries again when others were faster. */
  private static final int RACES = 10;

  private static final System.Logger LOG = System.getLogger(Supply.class.getName());

  private final Pool pool;

  Supply(Pool pool) {
    this.pool = pool;
  }

  /** What somebody who waits tries when it is its turn. */
  interface Attempt<T> {
    /** What all of it is, for reports and for those behind. */
    Wanted wanted();

    /** Takes all of it out, or nothing: then null. */
    @Nullable T take() throws SlabMemoryException;

    /** Puts back what was taken and not used. Wakes nobody. */
    void undo(T taken);

    /** Whether what was taken could be of no use to those before, who want plain blocks. */
    default boolean isForThisOnly(T taken) {
      return false;
    }
  }

  /** One block. */
  private final class OneBlock implements Attempt<Block> {
    private final Wanted wanted;

    OneBlock(Wanted wanted) {
      this.wanted = wanted;
    }

    @Override
    public Wanted wanted() {
      return wanted;
    }

    @Override
    public @Nullable Block take() throws SlabMemoryException {
      return orInRegion(patiently(wanted), wanted);
    }

    @Override
    public void undo(Block taken) {
      pool.undo(taken);
    }

    @Override
    public boolean isForThisOnly(Block taken) {
      return pool.isInRegion(taken);
    }
  }

  /**
   * Finds a block.
   *
   * @param popped what was taken out of a magazine while somebody was watching, or null
   * @param wanted what is to be found
   * @param interruptibly whether waiting ends at an interrupt
   */
  Block obtain(@Nullable Block popped, Wanted wanted, boolean interruptibly)
      throws InterruptedException {
    Block found = obtainOrNull(popped, wanted, interruptibly);
    if (found == null) {
      if (wanted.quiet() || wanted.policy() == AllocPolicy.NOWAIT) {
        throw Shortage.inUse(
            wanted, pool.account.limits(), wanted.quiet() ? null : pool.info(false));
      }
      throw Shortage.inUse(wanted, pool.account.statistics(), pool.info(true));
    }
    return found;
  }

  /** As {@link #obtain}, but null if everything is in use. */
  @Nullable Block obtainOrNull(@Nullable Block popped, Wanted wanted, boolean interruptibly)
      throws InterruptedException {
    boolean behindOthers = wanted.policy() == AllocPolicy.NO_FAIL && !pool.waiters.isEmpty();
    Block kept = keep(popped, behindOthers);
    if (kept != null) {
      return kept;
    }
    boolean patiently = wanted.policy() != AllocPolicy.NOWAIT;
    while (true) {
      int shuts = pool.lifecycle.shuts();
      pool.lifecycle.requireOpen(patiently);
      Block found = tryPolicy(wanted, interruptibly);
      if (found != null) {
        return found;
      }
      pool.lifecycle.requireOpen(patiently);
      if (!patiently || pool.lifecycle.shuts() == shuts) {
        return null;
      }
      // A close that was refused was in the way.
    }
  }

  /**
   * Finds a block for a buffer that comes back, as TRY_HARD does; also while the pool is drained,
   * but without waiting for others then.
   */
  Block obtainAgain(Wanted wanted) {
    try {
      Block found = tryPolicy(wanted, false);
      if (found != null) {
        return found;
      }
    } catch (InterruptedException e) {
      throw new AssertionError("an uninterruptible wait was interrupted", e);
    }
    throw Shortage.inUse(wanted, pool.account.statistics(), pool.info(true));
  }

  private @Nullable Block tryPolicy(Wanted wanted, boolean interruptibly)
      throws InterruptedException {
    checkFits(wanted);
    try {
      return switch (wanted.policy()) {
        case NOWAIT -> orInRegion(commitAtOnce(wanted), wanted);
        case FAIL_FAST -> orInRegion(lightly(wanted), wanted);
        case NORMAL -> orInRegion(thoroughly(wanted), wanted);
        case TRY_HARD -> {
          Block now = orInRegion(thoroughly(wanted), wanted);
          yield now != null ? now : await(new OneBlock(wanted), TRY_HARD_NANOS, interruptibly);
        }
        case NO_FAIL -> await(new OneBlock(wanted), Long.MAX_VALUE, interruptibly);
      };
    } catch (SlabMemoryException e) {
      throw refused(wanted, e);
    }
  }

  private OutOfBuffersException refused(Wanted wanted, SlabMemoryException cause) {
    return Shortage.refused(wanted, pool.account.limits(), pool.name, cause);
  }

  /** Refuses what not even an empty heap could serve. */
  void checkFits(Wanted wanted) {
    long regionBytes = pool.regionBytes();
    boolean neverInPool = wanted.bytes() > pool.mostBytes() || wanted.bytes() < 0;
    if (neverInPool && !(wanted.movable() && wanted.size() <= regionBytes)) {
      throw Shortage.neverFits(wanted, pool.account.limits(), pool.name, regionBytes);
    }
  }

  /** A place in the region for a movable buffer that found no block. */
  private @Nullable Block orInRegion(@Nullable Block block, Wanted wanted) {
    ReservedRegion region = pool.region;
    if (block != null || region == null || !wanted.movable()) {
      return block;
    }
    return wanted.comesBack()
        ? region.placeAgain(wanted.size(), wanted.alignment())
        : region.place(wanted.size(), wanted.alignment(), wanted.policy() != AllocPolicy.NOWAIT);
  }

  /** Finds a block at once, behind those who wait; null if there is none. */
  @Nullable Block tryObtain(@Nullable Block popped, Wanted wanted) {
    boolean behindOthers = !pool.waiters.isEmpty();
    Block kept = keep(popped, behindOthers);
    if (kept != null) {
      return kept;
    }
    pool.lifecycle.requireOpen(false);
    checkFits(wanted);
    try {
      return behindOthers ? null : orInRegion(commitAtOnce(wanted), wanted);
    } catch (SlabMemoryException e) {
      throw refused(wanted, e);
    }
  }

  /**
   * The block that was taken out, unless the pool isn't open, or others were there first: then it
   * goes back.
   */
  private @Nullable Block keep(@Nullable Block popped, boolean behindOthers) {
    if (popped == null || (pool.lifecycle.isOpen() && !behindOthers)) {
      return popped;
    }
    pool.undo(popped);
    pool.afterReturn();
    return null;
  }

  /** As {@link #keep}, of several, for a policy that goes before others. */
  void keepIfOpen(List<Block> popped) {
    if (!popped.isEmpty() && !pool.lifecycle.isOpen()) {
      popped.forEach(pool::undo);
      popped.clear();
      pool.afterReturn();
    }
  }

  // ---- one try ----

  /** NOWAIT: gives nothing back by itself, but lets it be done in the background. */
  private @Nullable Block commitAtOnce(Wanted wanted) throws SlabMemoryException {
    try {
      return pool.slabs.commit(wanted, false);
    } finally {
      pool.afterCommit();
    }
  }

  /**
   * Takes a block from the slabs; where the system refuses memory, after giving up what is idle.
   */
  private @Nullable Block commit(Wanted wanted) throws SlabMemoryException {
    pool.returns.makeRoom(wanted.bytes());
    try {
      return pool.slabs.commit(wanted, true);
    } catch (SlabMemoryException e) {
      giveUpIdle();
      return pool.slabs.commit(wanted, true);
    } finally {
      pool.afterCommit();
    }
  }

  /** Gives up what is idle, memory and address space, or waits for those who are at it. */
  private void giveUpIdle() {
    long _ = pool.trim();
    pool.slabs.empty.unmap();
  }

  /** As {@link #commit}, of bytes that were reserved; null if the slabs are sealed. */
  @Nullable Block commitReserved(Wanted wanted) throws SlabMemoryException {
    try {
      return pool.slabs.commitReserved(wanted);
    } catch (SlabMemoryException e) {
      giveUpIdle();
      return pool.slabs.commitReserved(wanted);
    } finally {
      pool.afterCommit();
    }
  }

  /** As {@link #commit}, giving idle blocks back for it; null where the system refuses. */
  @Nullable Block commitForMove(Wanted wanted) {
    try {
      return patiently(wanted);
    } catch (SlabMemoryException e) {
      return null;
    }
  }

  /** FAIL_FAST: passes by what is busy, gives back as much as is needed, drops what isn't. */
  private @Nullable Block lightly(Wanted wanted) throws SlabMemoryException {
    Block block = popPatiently(wanted);
    if (block == null) {
      block = commit(wanted);
    }
    if (block == null) {
      pool.returns.giveBackLightly(missing(wanted));
      block = commit(wanted);
    }
    if (block == null && pool.reclaim(missing(wanted), AllocPolicy.FAIL_FAST) > 0) {
      pool.returns.giveBackLightly(missing(wanted));
      block = popPatiently(wanted);
      block = block == null ? commit(wanted) : block;
    }
    return block;
  }

  /**
   * NORMAL: waits for busy stripes, gives everything idle back, and then reclaims: see {@link
   * PoolShrinker}.
   */
  private @Nullable Block thoroughly(Wanted wanted) throws SlabMemoryException {
    for (int tries = 0; ; tries++) {
      Block block = popPatiently(wanted);
      if (block == null) {
        block = commit(wanted);
      }
      if (block == null) {
        pool.returns.giveBackAll();
        block = commit(wanted);
      }
      if (block != null || tries == RACES) {
        return block;
      }
      // What was given back may be in other magazines again by now: those who took it are done with
      // it. Or it was of no use here, as it lies in the region: then more of it is asked for.
      if (pool.magazines.idleBytes() < missing(wanted)
          && pool.reclaim(missing(wanted) << tries, wanted.policy()) == 0) {
        return null;
      }
    }
  }

  /**
   * One who waits: as NORMAL, but leaves idle blocks to others where giving them back would not be
   * enough. What is on its way to the slabs or being zeroed is waited for, or a move, which tries
   * once, would not find it.
   */
  private @Nullable Block patiently(Wanted wanted) throws SlabMemoryException {
    Block block = popPatiently(wanted);
    if (block == null) {
      block = commit(wanted);
    }
    if (block == null) {
      pool.returns.awaitReturning();
      if (pool.magazines.idleBytes() >= missing(wanted)) {
        pool.returns.giveBack(missing(wanted));
        block = commit(wanted);
      }
    }
    return block;
  }

  /** Reclaims what is lacking; false if that gave nothing. */
  private boolean askIfShort(Wanted wanted) {
    long lacking = wanted.bytes() - available();
    return lacking > 0 && pool.reclaim(lacking, wanted.policy()) > 0;
  }

  /** How many bytes are free or idle. */
  long available() {
    return pool.freeBytes() + pool.magazines.idleBytes();
  }

  @Nullable Block popPatiently(Wanted wanted) {
    Block block =
        wanted.isOfAClass()
            ? pool.magazines.popPatiently(wanted.sizeClass(), wanted.addressMask())
            : null;
    if (block != null && wanted.comesBack()) {
      pool.account.poppedUnallocated();
    }
    return block;
  }

  /** How many bytes have to go back to the limit first. */
  private long missing(Wanted wanted) {
    return wanted.bytes() - pool.freeBytes();
  }

  // ---- waiting ----

  /** Finds a block when it is the turn of somebody who is queued, and takes it off the queue. */
  Block obtainInTurn(Wanted wanted, Waiters.Waiter self, boolean interruptibly)
      throws InterruptedException {
    return obtainInTurn(new OneBlock(wanted), self, interruptibly);
  }

  /** Waits in line until there is what is wanted. */
  <T> T obtainWaiting(Attempt<T> attempt) throws InterruptedException {
    pool.lifecycle.requireOpen(true);
    return obtainInTurn(attempt, join(attempt), true);
  }

  private <T> T obtainInTurn(Attempt<T> attempt, Waiters.Waiter self, boolean interruptibly)
      throws InterruptedException {
    try {
      T found = awaitTurn(attempt, self, Long.MAX_VALUE, interruptibly);
      if (found != null) {
        return found;
      }
      pool.lifecycle.requireOpen(true);
      throw new AssertionError("a patient wait ended while " + pool.name + " is open");
    } catch (SlabMemoryException e) {
      throw refused(attempt.wanted(), e);
    } finally {
      pool.waiters.leave(self);
    }
  }

  private Waiters.Waiter join(Attempt<?> attempt) {
    Waiters.Waiter self = new Waiters.Waiter(Thread.currentThread(), attempt.wanted().bytes());
    pool.waiters.join(self);
    return self;
  }

  /** Waits in line for some time; null if that passes, or the pool is no longer open. */
  <T> @Nullable T await(Attempt<T> attempt, long nanos, boolean interruptibly)
      throws SlabMemoryException, InterruptedException {
    Waiters.Waiter self = join(attempt);
    try {
      return awaitTurn(attempt, self, nanos, interruptibly);
    } finally {
      pool.waiters.leave(self);
    }
  }

  /**
   * TRY_HARD and NO_FAIL: tries at each release; null when the time is up, or the pool no longer
   * open.
   */
  private <T> @Nullable T awaitTurn(
      Attempt<T> attempt, Waiters.Waiter self, long nanos, boolean interruptibly)
      throws SlabMemoryException, InterruptedException {
    Waiters waiters = pool.waiters;
    boolean interrupted = false;
    try {
      Patience patience = new Patience(waiters.reports, nanos);
      int seen = waiters.wakeUps();
      boolean stalled = false;
      while (!pool.lifecycle.hasEnded()) {
        boolean timeIsUp = patience.isUp();
        boolean first = waiters.isFirst(self);
        pool.returns.giveBackStuck();
        T taken = first || timeIsUp ? attempt.take() : stalled ? overtake(attempt, self) : null;
        if (taken != null || timeIsUp) {
          return taken;
        }
        if (first && patience.reclaimIsDue() && askIfShort(attempt.wanted())) {
          continue;
        }
        if (first && patience.reportIsDue()) {
          report(attempt.wanted(), patience);
        }
        // A wake-up during the try may have been used up by a lock in there: the count tells.
        if (!first || waiters.wakeUps() == seen) {
          LockSupport.parkNanos(this, patience.next(first));
        }
        interrupted |= wasInterrupted(interruptibly);
        int now = waiters.wakeUps();
        stalled = now == seen; // nothing moves: order may be what holds it up
        seen = now;
      }
      return null;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private boolean wasInterrupted(boolean interruptibly) throws InterruptedException {
    boolean interrupted = Thread.interrupted();
    if (interrupted && interruptibly) {
      throw new InterruptedException("interrupted while waiting for memory of " + pool.name);
    }
    return interrupted;
  }

  /**
   * One behind others while nothing is released: takes only what none of those before it could do
   * with.
   */
  private <T> @Nullable T overtake(Attempt<T> attempt, Waiters.Waiter self)
      throws SlabMemoryException {
    if (pool.waiters.areOthersDue(self, available())) {
      return null;
    }
    T taken = attempt.take();
    if (taken == null
        || attempt.isForThisOnly(taken)
        || !pool.waiters.areOthersDue(self, available() + attempt.wanted().bytes())) {
      return taken;
    }
    attempt.undo(taken); // some of it was released between the two looks
    boolean _ = pool.waiters.areOthersDue(self, available()); // not before it is back
    return null;
  }

  private void report(Wanted wanted, Patience patience) {
    if (wanted.quiet()) {
      return;
    }
    int behind = pool.waiters.count() - 1;
    LOG.log(
        Level.WARNING,
        "%s has waited %d s for memory of %s%s: %s"
            .formatted(
                Thread.currentThread(),
                TimeUnit.NANOSECONDS.toSeconds(patience.passed()),
                pool.name,
                behind > 0 ? ", " + behind + " more behind it" : "",
                Shortage.describe(
                    wanted, pool.account.statistics(), Objects.requireNonNull(pool.info(true)))));
  }

  /** How long somebody goes on waiting, and when it says so. */
  private static final class Patience {
    private final WaitReports reports;
    private final long start;
    private final long limit;
    private long reclaimAt = System.nanoTime();

    Patience(WaitReports reports, long limit) {
      this.reports = reports;
      this.start = reports.now();
      this.limit = limit;
    }

    long passed() {
      return reports.now() - start;
    }

    boolean isUp() {
      return passed() >= limit;
    }

    /** Whether to reclaim now, which gave nothing a while ago. */
    boolean reclaimIsDue() {
      long now = System.nanoTime();
      boolean due = now - reclaimAt >= 0;
      if (due) {
        reclaimAt = now + RECLAIM_NANOS;
      }
      return due;
    }

    boolean reportIsDue() {
      return reports.begin(start, reports.now());
    }

    /** How long to park, in nanoseconds. */
    long next(boolean first) {
      long now = reports.now();
      long look =
          first ? Math.min(RECLAIM_NANOS, reports.untilDue(start, now)) : Waiters.STALL_NANOS;
      return Math.max(1, Math.min(limit - (now - start), look));
    }
  }
}
