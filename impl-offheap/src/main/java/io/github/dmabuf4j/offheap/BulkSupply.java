package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.OutOfBuffersException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * How several blocks of one kind are found (design rule AL3).
 *
 * <p><b>Invariant: nobody waits for memory while it holds some.</b> Two that did, each with a part
 * of what the other needs, would wait for ever. So policies that don't wait for others take block
 * by block, as many as there are; those that do take all or nothing, in their turn: a try that
 * fails puts everything back before it waits again.
 *
 * <p>Such tries come one after the other, under {@code exclusive}, or two could fail for ever of
 * what the other one has just taken out. A try that fails all the same was overtaken by somebody
 * who got a block.
 *
 * <p>All or nothing is always a matter of the pool; movable buffers of the other policies may lie
 * in the region as well.
 *
 * <p><b>Locks.</b> {@code exclusive} is held during a try and not while waiting; those of the pool,
 * the magazines and the slabs are taken inside.
 */
final class BulkSupply {
  private final Pool pool;
  private final Supply supply;
  private final ReentrantLock exclusive = new ReentrantLock();

  BulkSupply(Pool pool, Supply supply) {
    this.pool = pool;
    this.supply = supply;
  }

  /**
   * Finds blocks.
   *
   * @param wanted what each is to be like
   * @param count how many
   * @return all of them, or as many as can be had if the policy doesn't wait until there are
   */
  List<Block> obtain(Wanted wanted, int count) throws InterruptedException {
    supply.checkFits(wanted);
    AllOrNothing attempt = new AllOrNothing(wanted.inThePool(), count);
    return switch (wanted.policy()) {
      case NO_FAIL -> {
        supply.checkFits(attempt.wanted());
        yield supply.obtainWaiting(attempt);
      }
      case TRY_HARD -> {
        List<Block> all = awaitAll(attempt);
        yield all != null ? all : asManyAsThereAre(wanted.with(AllocPolicy.NORMAL), count);
      }
      case NOWAIT, FAIL_FAST, NORMAL -> asManyAsThereAre(wanted, count);
    };
  }

  private @Nullable List<Block> awaitAll(AllOrNothing attempt) throws InterruptedException {
    if (attempt.wanted().bytes() > pool.mostBytes()) {
      return null;
    }
    try {
      return supply.await(attempt, Supply.TRY_HARD_NANOS, true);
    } catch (SlabMemoryException e) {
      return null; // the system may have enough for some of them
    }
  }

  private List<Block> asManyAsThereAre(Wanted wanted, int count) throws InterruptedException {
    List<Block> taken = new ArrayList<>((int) Math.min(count, pool.limit / wanted.bytes()));
    boolean done = false;
    try {
      takeAtOnce(wanted, count, taken);
      while (taken.size() < count) {
        Block block = supply.obtainOrNull(pool.popIdle(wanted), wanted, true);
        if (block == null) {
          break;
        }
        taken.add(block);
      }
      done = true;
    } catch (OutOfBuffersException e) { // the system refused
      if (taken.isEmpty()) {
        throw e;
      }
      done = true;
    } finally {
      if (!done) {
        putBack(taken);
      }
    }
    return taken;
  }

  /** Takes together what is there: idle, or within the limit. */
  private void takeAtOnce(Wanted wanted, int count, List<Block> to) {
    if (!wanted.isOfAClass() || wanted.addressMask() != 0) {
      return;
    }
    pool.magazines.pop(wanted.sizeClass(), count, to);
    if (to.size() < count) {
      try {
        boolean patiently = wanted.policy() != AllocPolicy.NOWAIT;
        pool.slabs.commit(wanted, count - to.size(), patiently, to);
      } catch (SlabMemoryException e) {
        // Who asks for the next one is told, or gets it after giving up what is idle.
      }
      pool.afterCommit();
    }
    if (pool.waiters.areWatching()) {
      supply.keepIfOpen(to);
    }
  }

  private void putBack(List<Block> taken) {
    if (!taken.isEmpty()) {
      taken.forEach(pool::undo);
      pool.afterReturn(); // the first in line may have missed them
    }
  }

  /** A try of somebody who waits until all are there. */
  private final class AllOrNothing implements Supply.Attempt<List<Block>> {
    private final Wanted each;
    private final Wanted all;
    private final int count;

    AllOrNothing(Wanted each, int count) {
      this.each = each;
      this.all = each.times(count);
      this.count = count;
    }

    @Override
    public Wanted wanted() {
      return all;
    }

    @Override
    public @Nullable List<Block> take() throws SlabMemoryException {
      if (supply.available() < all.bytes()) {
        return null; // nothing is taken out in vain, for others to miss
      }
      List<Block> taken = new ArrayList<>(count);
      exclusive.lock();
      try {
        boolean done = false;
        try {
          done = take(taken);
        } finally {
          if (!done) {
            putBack(taken);
          }
        }
        return done ? taken : null;
      } finally {
        exclusive.unlock();
      }
    }

    private boolean take(List<Block> to) throws SlabMemoryException {
      while (to.size() < count) {
        Block idle = supply.popPatiently(each);
        if (idle == null) {
          return commitRest(to);
        }
        to.add(idle);
      }
      return true;
    }

    private boolean commitRest(List<Block> to) throws SlabMemoryException {
      long left = (count - to.size()) * each.bytes();
      if (!reserve(left)) {
        return false;
      }
      try {
        while (left > 0) {
          Block block = supply.commitReserved(each);
          if (block == null) {
            return false;
          }
          to.add(block);
          left -= each.bytes();
        }
        return true;
      } finally {
        if (left > 0) {
          pool.unreserve(left);
        }
      }
    }

    private boolean reserve(long bytes) {
      if (pool.slabs.reserve(bytes)) {
        return true;
      }
      pool.returns.giveBack(bytes - pool.freeBytes());
      return pool.slabs.reserve(bytes);
    }

    @Override
    public void undo(List<Block> taken) {
      taken.forEach(pool::undo);
    }
  }
}
