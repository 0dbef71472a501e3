package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.StressBlocks.CLASS;
import static io.github.dmabuf4j.offheap.StressBlocks.count;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * No wake-up is lost: whoever begins to watch and then looks finds what a release put there, or the
 * release sees it and wakes it. No release takes a lock or pays for a fence, so each place where a
 * block can be is a race of its own.
 */
public class WaitersStress {
  private WaitersStress() {}

  /** A pool with room for one block, which is outside. */
  public static class OneOut {
    final StressMemory memory = new StressMemory(true);
    final Pool pool = StressBlocks.pool(memory, 1);
    final Block block = StressBlocks.first(pool);

    /** Begins to watch, then looks patiently: what a waiter does before it parks. */
    final int watchAndLook() {
      pool.waiters.watch(true);
      return count(pool.magazines.popPatiently(CLASS, 0));
    }

    /** 1 if a waiter would have been woken. */
    final int woken() {
      return pool.waiters.wakeUps() == 0 ? 0 : 1;
    }
  }

  /** A block comes back into a stripe. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "found, and not woken in vain")
  @Outcome(
      id = {"0, 1", "1, 1"},
      expect = ACCEPTABLE,
      desc = "woken")
  @Outcome(id = "0, 0", expect = FORBIDDEN, desc = "a wake-up was lost")
  @Outcome(expect = FORBIDDEN, desc = "something else went wrong")
  @State
  public static class ReleaseIntoStripe extends OneOut {
    public ReleaseIntoStripe() {
      pool.magazines.magazine(CLASS);
    }

    @Actor
    public void release() {
      pool.release(block);
    }

    @Actor
    public void look(II_Result r) {
      r.r1 = watchAndLook();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = woken();
    }
  }

  /**
   * A block comes back while another thread moves blocks to its own stripe and takes one: of the
   * two that were there one stays, and the look must not miss it.
   */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "1, 1"},
      expect = ACCEPTABLE,
      desc = "found")
  @Outcome(expect = FORBIDDEN, desc = "it moved past the look")
  @State
  public static class MoveBesideTheLook {
    private final Pool pool = StressBlocks.pool(new StressMemory(true), 3, 2);
    private final Magazine magazine = pool.magazines.magazine(CLASS);
    private final Block third;

    public MoveBesideTheLook() {
      magazine.stripes[1].push(StressBlocks.first(pool));
      magazine.stripes[1].push(StressBlocks.first(pool));
      third = StressBlocks.first(pool);
    }

    @Actor
    public void release() {
      pool.release(third);
    }

    @Actor
    public void move() {
      Block _ = magazine.stripes[0].tryPopFrom(magazine.stripes[1], magazine.looks);
    }

    @Actor
    public void look(II_Result r) {
      pool.waiters.watch(true);
      r.r1 = count(pool.magazines.popPatiently(CLASS, 0));
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = pool.waiters.wakeUps() == 0 ? 0 : 1;
    }
  }

  /** A block comes back that is the first of its class: the magazine is made for it. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "found, and not woken in vain")
  @Outcome(
      id = {"0, 1", "1, 1"},
      expect = ACCEPTABLE,
      desc = "woken")
  @Outcome(id = "0, 0", expect = FORBIDDEN, desc = "a wake-up was lost")
  @Outcome(expect = FORBIDDEN, desc = "something else went wrong")
  @State
  public static class ReleaseOfTheFirst extends OneOut {
    @Actor
    public void release() {
      pool.release(block);
    }

    @Actor
    public void look(II_Result r) {
      r.r1 = watchAndLook();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = woken();
    }
  }

  /** A block came back before anybody watched, but into the overflow stack. */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "1, 1"},
      expect = ACCEPTABLE,
      desc = "found")
  @Outcome(expect = FORBIDDEN, desc = "passed by: nobody would have woken it")
  @State
  public static class OverflowBeforeTheWatch extends OneOut {
    public OverflowBeforeTheWatch() {
      Stripe only = pool.magazines.magazine(CLASS).stripes[0];
      only.lock();
      pool.release(block);
      only.unlock();
    }

    @Actor
    public void figures() {
      var _ = pool.account.statistics();
    }

    @Actor
    public void look(II_Result r) {
      r.r1 = watchAndLook();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = woken();
    }
  }

  /** Bytes go back to the limit. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "found room, and not woken in vain")
  @Outcome(
      id = {"0, 1", "1, 1"},
      expect = ACCEPTABLE,
      desc = "woken")
  @Outcome(id = "0, 0", expect = FORBIDDEN, desc = "a wake-up was lost")
  @Outcome(expect = FORBIDDEN, desc = "something else went wrong")
  @State
  public static class Trim extends OneOut {
    public Trim() {
      pool.release(block);
    }

    @Actor
    public void trim() {
      pool.trim();
    }

    @Actor
    public void look(II_Result r) {
      pool.waiters.watch(true);
      r.r1 = count(StressBlocks.commit(pool));
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = woken();
    }
  }

  /** What was reserved and not used goes back to the limit. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "found room, and not woken in vain")
  @Outcome(
      id = {"0, 1", "1, 1"},
      expect = ACCEPTABLE,
      desc = "woken")
  @Outcome(id = "0, 0", expect = FORBIDDEN, desc = "a wake-up was lost")
  @Outcome(expect = FORBIDDEN, desc = "something else went wrong")
  @State
  public static class Unreserve {
    private final Pool pool = StressBlocks.pool(new StressMemory(true), 1);

    public Unreserve() {
      if (!pool.slabs.reserve(StressBlocks.BYTES)) {
        throw new AssertionError("no room in an empty pool");
      }
    }

    @Actor
    public void unreserve() {
      pool.unreserve(StressBlocks.BYTES);
    }

    @Actor
    public void look(II_Result r) {
      pool.waiters.watch(true);
      r.r1 = count(StressBlocks.commit(pool));
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = pool.waiters.wakeUps() == 0 ? 0 : 1;
    }
  }

  /** The last block comes back while the pool begins to drain: one of the two ends it. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "ended, with nothing committed")
  @Outcome(expect = FORBIDDEN, desc = "it never ends")
  @State
  public static class DrainAndLastRelease extends OneOut {
    @Actor
    public void release() {
      pool.release(block);
    }

    @Actor
    public void drain() {
      pool.lifecycle.beginDraining();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = pool.lifecycle.isClosed() ? 1 : 0;
      r.r2 = (int) pool.slabs.committed() + memory.open() + memory.mistakes();
    }
  }
}
