package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.StressBlocks.CLASS;
import static io.github.dmabuf4j.offheap.StressBlocks.count;
import static io.github.dmabuf4j.offheap.StressBlocks.countDifferent;
import static io.github.dmabuf4j.offheap.StressBlocks.listOf;
import static io.github.dmabuf4j.offheap.StressBlocks.rest;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * Idle blocks: each has one winner, none is lost, and who is patient finds what was there before.
 * Two stripes, so that threads meet in one, or miss each other; or one, where they always meet.
 */
public class MagazineStress {
  private MagazineStress() {}

  /** Magazines of two stripes, with as many blocks. */
  public static class Two {
    final Magazines magazines = new Magazines(2);
    final Block first = StressBlocks.block(1);
    final Block second = StressBlocks.block(2);

    Two() {
      magazines.magazine(CLASS);
    }
  }

  // ---- single blocks ----

  /** Two want the only one. */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "0, 1"},
      expect = ACCEPTABLE,
      desc = "one of them has it")
  @Outcome(expect = FORBIDDEN, desc = "both have it, or nobody")
  @State
  public static class PopAndPop extends Two {
    public PopAndPop() {
      magazines.push(first);
    }

    @Actor
    public void pop(II_Result r) {
      r.r1 = count(magazines.pop(CLASS, 0));
    }

    @Actor
    public void again(II_Result r) {
      r.r2 = count(magazines.pop(CLASS, 0));
    }
  }

  /** One comes back while another looks in passing. */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "0, 1"},
      expect = ACCEPTABLE,
      desc = "found now, or later")
  @Outcome(expect = FORBIDDEN, desc = "lost, or found twice")
  @State
  public static class PushAndPop extends Two {
    @Actor
    public void push() {
      magazines.push(first);
    }

    @Actor
    public void pop(II_Result r) {
      r.r1 = count(magazines.pop(CLASS, 0));
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = rest(magazines).size();
    }
  }

  /** One comes back while another looks patiently. */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "0, 1"},
      expect = ACCEPTABLE,
      desc = "found now, or later")
  @Outcome(expect = FORBIDDEN, desc = "lost, or found twice")
  @State
  public static class PushAndPopPatiently extends Two {
    @Actor
    public void push() {
      magazines.push(first);
    }

    @Actor
    public void pop(II_Result r) {
      r.r1 = count(magazines.popPatiently(CLASS, 0));
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = rest(magazines).size();
    }
  }

  /** The first two of a class come back: its magazine is made once, or both are in the same. */
  @JCStressTest
  @Outcome(id = "2, 0", expect = ACCEPTABLE, desc = "both are found")
  @Outcome(expect = FORBIDDEN, desc = "one went with a magazine that nobody sees")
  @State
  public static class FirstPushAndFirstPush {
    private final Magazines magazines = new Magazines(2);
    private final Block one = StressBlocks.block(1);
    private final Block other = StressBlocks.block(2);

    @Actor
    public void push() {
      magazines.push(one);
    }

    @Actor
    public void pushOther() {
      magazines.push(other);
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = countDifferent(rest(magazines));
      r.r2 = (int) magazines.hits() - r.r1;
    }
  }

  /** One that was taken out and not used goes back while another looks for it. */
  @JCStressTest
  @Outcome(
      id = {"1, 0, 0", "0, 1, 0"},
      expect = ACCEPTABLE,
      desc = "found now, or later, and counted as taken once")
  @Outcome(expect = FORBIDDEN, desc = "lost, found twice, or miscounted")
  @State
  public static class UndoAndPop extends Two {
    private final Block taken;

    public UndoAndPop() {
      magazines.push(first);
      Block popped = magazines.popPatiently(CLASS, 0);
      taken = popped == null ? second : popped;
    }

    @Actor
    public void undo() {
      magazines.undo(taken);
    }

    @Actor
    public void pop(III_Result r) {
      r.r1 = count(magazines.pop(CLASS, 0));
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = rest(magazines).size();
      r.r3 = (int) magazines.taken(CLASS);
    }
  }

  // ---- from stripe to stripe ----

  /**
   * Two stripes: the first one is empty, the second one has three blocks, two of which can move.
   */
  public static class Apart {
    final Magazine magazine = new Magazine(2);
    final PatientLooks looks = magazine.looks;
    final Stripe empty = magazine.stripes[0];
    final List<Block> blocks =
        List.of(StressBlocks.block(1), StressBlocks.block(2), StressBlocks.block(3));

    Apart() {
      blocks.forEach(magazine.stripes[1]::push);
    }

    final @Nullable Block popAndMove() {
      return empty.tryPopFrom(magazine.stripes[1], looks);
    }

    final List<Block> rest() {
      List<Block> rest = new ArrayList<>();
      magazine.takeOldest(9, true, rest);
      return rest;
    }
  }

  /** A patient count beside blocks that move: one is taken out, and no other is missed. */
  @JCStressTest
  @Outcome(
      id = {"3, 3", "2, 3"},
      expect = ACCEPTABLE,
      desc = "all were seen, or all but the one that was taken out")
  @Outcome(expect = FORBIDDEN, desc = "one moved past the look, or was seen twice")
  @State
  public static class MoveAndCount extends Apart {
    private @Nullable Block popped;

    @Actor
    public void move() {
      popped = popAndMove();
    }

    @Actor
    public void count(II_Result r) {
      r.r1 = (int) magazine.count();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = countDifferent(listOf(popped), rest());
    }
  }

  /** A patient look for all beside blocks that move. */
  @JCStressTest
  @Outcome(id = "3, 0", expect = ACCEPTABLE, desc = "each is somebody's")
  @Outcome(expect = FORBIDDEN, desc = "passed by, lost, or found twice")
  @State
  public static class MoveAndTakeAll extends Apart {
    private final List<Block> taken = new ArrayList<>();
    private @Nullable Block popped;

    @Actor
    public void move() {
      popped = popAndMove();
    }

    @Actor
    public void take() {
      magazine.takeOldest(9, true, taken);
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = countDifferent(listOf(popped), taken);
      r.r2 = rest().size();
    }
  }

  /** Blocks move both ways while some come back. */
  @JCStressTest
  @Outcome(id = "4", expect = ACCEPTABLE, desc = "each is somebody's, or still there")
  @Outcome(expect = FORBIDDEN, desc = "lost, or found twice")
  @State
  public static class MoveAndMoveBackAndPush extends Apart {
    private final Block fourth = StressBlocks.block(4);
    private @Nullable Block popped;
    private @Nullable Block back;

    @Actor
    public void move() {
      popped = popAndMove();
    }

    @Actor
    public void moveBack() {
      boolean _ = magazine.pushPatiently(fourth);
      back = magazine.stripes[1].tryPopFrom(empty, looks);
    }

    @Arbiter
    public void after(I_Result r) {
      r.r1 = countDifferent(listOf(popped), listOf(back), rest());
    }
  }

  // ---- the overflow stack ----

  /** Magazines of one stripe, with a block on the overflow stack. */
  public static class Overflowed {
    final Magazines magazines = new Magazines(1);
    final Block first = StressBlocks.block(1);

    Overflowed() {
      Stripe only = magazines.magazine(CLASS).stripes[0];
      only.lock();
      magazines.push(first);
      only.unlock();
    }
  }

  /** Somebody looks patiently while the only stripe is busy for others. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "found, for it was there before")
  @Outcome(expect = FORBIDDEN, desc = "passed by")
  @State
  public static class OverflowAndBusyStripe extends Overflowed {
    @Actor
    public void pop(II_Result r) {
      r.r1 = count(magazines.popPatiently(CLASS, 0));
    }

    @Actor
    public void look() {
      for (int i = 0; i < 3; i++) {
        long _ = magazines.taken(CLASS);
      }
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = rest(magazines).size();
    }
  }

  /** Somebody looks patiently while somebody who isn't patient takes everything. */
  @JCStressTest
  @Outcome(
      id = {"1, 0, 0", "0, 1, 0"},
      expect = ACCEPTABLE,
      desc = "one of them has it")
  @Outcome(id = "0, 0, 1", expect = FORBIDDEN, desc = "who was patient passed it by")
  @Outcome(expect = FORBIDDEN, desc = "lost, or found twice")
  @State
  public static class OverflowAndTakeInPassing extends Overflowed {
    @Actor
    public void pop(III_Result r) {
      r.r1 = count(magazines.popPatiently(CLASS, 0));
    }

    @Actor
    public void take(III_Result r) {
      r.r2 = magazines.take(Long.MAX_VALUE, false).size();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r3 = rest(magazines).size();
    }
  }

  /** One comes back, and finds the only stripe busy, or not, beside two patient looks. */
  @JCStressTest
  @Outcome(
      id = {"1, 1", "1, 2"},
      expect = ACCEPTABLE,
      desc = "the one that was there is found, and the other one now or later")
  @Outcome(expect = FORBIDDEN, desc = "passed by, lost, or found twice")
  @State
  public static class OverflowAndPush extends Overflowed {
    private final Block second = StressBlocks.block(2);
    private final List<Block> found = new ArrayList<>();

    @Actor
    public void push() {
      magazines.push(second);
    }

    @Actor
    public void pop() {
      found.addAll(listOf(magazines.popPatiently(CLASS, 0)));
      found.addAll(listOf(magazines.popPatiently(CLASS, 0)));
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = countDifferent(found, rest(magazines)) == 2 ? 1 : 0;
      r.r2 = found.size();
    }
  }

  // ---- several ----

  /** Magazines with both blocks in them. */
  public static class Filled extends Two {
    final List<Block> taken = new ArrayList<>();
    volatile @Nullable Block popped;

    Filled() {
      magazines.push(first);
      magazines.push(second);
    }

    final void pop() {
      popped = magazines.pop(CLASS, 0);
    }

    /** How many were found in all, at last. */
    final int all() {
      return countDifferent(taken, listOf(popped), rest(magazines));
    }
  }

  /** Several at once beside a single one. */
  @JCStressTest
  @Outcome(id = "2, 1", expect = ACCEPTABLE, desc = "each has its own")
  @Outcome(id = "2, 0", expect = ACCEPTABLE, desc = "one has both")
  @Outcome(expect = FORBIDDEN, desc = "lost, or found twice")
  @State
  public static class PopSeveralAndPop extends Filled {
    @Actor
    public void several() {
      magazines.pop(CLASS, 2, taken);
    }

    @Actor
    public void single() {
      pop();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = count(popped);
      r.r1 = all();
    }
  }

  /** Several at once, from two. */
  @JCStressTest
  @Outcome(id = "2, [012], 0", expect = ACCEPTABLE, desc = "each is somebody's, or still there")
  @Outcome(expect = FORBIDDEN, desc = "lost, found twice, or miscounted")
  @State
  public static class PopSeveralAndPopSeveral extends Filled {
    private final List<Block> others = new ArrayList<>();

    @Actor
    public void several() {
      magazines.pop(CLASS, 2, taken);
    }

    @Actor
    public void more() {
      magazines.pop(CLASS, 2, others);
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = taken.size();
      r.r1 = countDifferent(taken, others, rest(magazines));
      r.r3 = (int) magazines.hits() - 2;
    }
  }

  /** The oldest, to be given back, beside one that comes back and one that is taken. */
  @JCStressTest
  @Outcome(id = "3", expect = ACCEPTABLE, desc = "each is somebody's, or still there")
  @Outcome(expect = FORBIDDEN, desc = "lost, or found twice")
  @State
  public static class TakeOldestAndPushAndPop extends Filled {
    private final Block third = StressBlocks.block(3);

    @Actor
    public void take() {
      taken.addAll(magazines.take(2 * StressBlocks.BYTES, true));
    }

    @Actor
    public void pushAndPop() {
      magazines.push(third);
      pop();
    }

    @Arbiter
    public void after(I_Result r) {
      r.r1 = all();
    }
  }

  /** What nobody needed for a while, beside one that is taken and comes back. */
  @JCStressTest
  @Outcome(id = "2, [012]", expect = ACCEPTABLE, desc = "both are there, surplus or not")
  @Outcome(expect = FORBIDDEN, desc = "lost, or found twice")
  @State
  public static class TakeSurplusAndPopAndPush extends Filled {
    public TakeSurplusAndPopAndPush() {
      var _ = magazines.takeSurplus(); // from now on both lie idle
    }

    @Actor
    public void tick() {
      taken.addAll(magazines.takeSurplus());
    }

    @Actor
    public void popAndPush() {
      Block block = magazines.pop(CLASS, 0);
      if (block != null) {
        magazines.push(block);
      }
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = taken.size();
      r.r1 = all();
    }
  }

  /** A block without a class is put beside those that give such blocks back. */
  @JCStressTest
  @Outcome(id = "2, [12]", expect = ACCEPTABLE, desc = "each is taken once")
  @Outcome(expect = FORBIDDEN, desc = "lost, or taken twice")
  @State
  public static class RetireAndTakeRetired extends Two {
    private final List<Block> taken = new ArrayList<>();

    public RetireAndTakeRetired() {
      magazines.retire(first);
    }

    @Actor
    public void retire() {
      magazines.retire(second);
    }

    @Actor
    public void take() {
      taken.addAll(magazines.takeRetired());
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = taken.size();
      r.r1 = countDifferent(taken, magazines.takeRetired());
    }
  }
}
