package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.StressBlocks.BYTES;
import static io.github.dmabuf4j.offheap.StressBlocks.count;
import static io.github.dmabuf4j.offheap.StressBlocks.wanted;
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

/**
 * The account of the slabs: never above the limit, exact at the end, and no block of memory that
 * was given back.
 */
public class SlabsStress {
  private SlabsStress() {}

  /** A pool with room for some blocks, which share slabs. */
  public static class Account {
    final StressMemory memory = new StressMemory(true);
    final Pool pool;
    final Slabs slabs;
    final List<Block> blocks = new ArrayList<>();
    private final long limit;

    Account(long limitBlocks) {
      limit = limitBlocks * BYTES;
      pool = StressBlocks.pool(memory, limitBlocks);
      slabs = pool.slabs;
    }

    /** One more, or none. */
    final @Nullable Block commit() {
      return StressBlocks.commit(pool);
    }

    /** One that was reserved, or none. */
    final @Nullable Block commitReserved() {
      return StressBlocks.<@Nullable Block>taken(() -> slabs.commitReserved(wanted()));
    }

    /** How many blocks are committed; -1 if the limit or a slab wasn't kept. */
    final int committed(@Nullable Block... outside) {
      for (Block block : outside) {
        if (block != null) {
          blocks.add(block);
        }
      }
      boolean kept = slabs.peak() <= limit && slabs.committed() % BYTES == 0;
      for (Block block : blocks) {
        kept &= StressMemory.isAlive(block);
      }
      long addresses = blocks.stream().mapToLong(block -> block.address).distinct().count();
      kept &= addresses == blocks.size() && memory.mistakes() == 0;
      return kept ? (int) (slabs.committed() / BYTES) : -1;
    }

    /** What is wrong once everything is back. */
    final int left() {
      slabs.giveBack(blocks);
      slabs.empty.unmap();
      return (int) slabs.committed() + memory.open() + memory.mistakes();
    }
  }

  /** Two want the room for one. */
  @JCStressTest
  @Outcome(
      id = {"1, 0, 1", "0, 1, 1"},
      expect = ACCEPTABLE,
      desc = "one of them got it")
  @Outcome(expect = FORBIDDEN, desc = "both or none, or miscounted")
  @State
  public static class CommitAndCommit extends Account {
    private @Nullable Block one;
    private @Nullable Block other;

    public CommitAndCommit() {
      super(1);
    }

    @Actor
    public void commit(III_Result r) {
      one = commit();
      r.r1 = count(one);
    }

    @Actor
    public void commitToo(III_Result r) {
      other = commit();
      r.r2 = count(other);
    }

    @Arbiter
    public void after(III_Result r) {
      r.r3 = committed(one, other) + left();
    }
  }

  /** One wants room that another makes, in a slab that is being unmapped for it. */
  @JCStressTest
  @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "it came too early")
  @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "it got the room")
  @Outcome(expect = FORBIDDEN, desc = "beyond the limit, miscounted, or in a slab that is gone")
  @State
  public static class CommitAndGiveBack extends Account {
    private final Block old;
    private @Nullable Block fresh;

    public CommitAndGiveBack() {
      super(1);
      old = StressBlocks.first(pool);
    }

    @Actor
    public void commit(III_Result r) {
      fresh = commit();
      r.r1 = count(fresh);
    }

    @Actor
    public void giveBack() {
      slabs.giveBack(List.of(old));
      slabs.empty.unmap();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = committed(fresh);
      r.r3 = left();
    }
  }

  /** The last block of a slab goes back while the next one is taken out: of that slab, or not. */
  @JCStressTest
  @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "a block of a slab that is mapped")
  @Outcome(expect = FORBIDDEN, desc = "a block of a slab that is gone, or miscounted")
  @State
  public static class CommitAndLastOfASlab extends Account {
    private final Block old;
    private @Nullable Block fresh;

    public CommitAndLastOfASlab() {
      super(2);
      old = StressBlocks.first(pool);
    }

    @Actor
    public void commit(III_Result r) {
      fresh = commit();
      r.r1 = count(fresh);
    }

    @Actor
    public void giveBack() {
      slabs.giveBack(List.of(old));
      slabs.empty.unmap();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = committed(fresh);
      r.r3 = left();
    }
  }

  /** Several at once beside single ones, with room for three. */
  @JCStressTest
  @Outcome(
      id = {"3, 0, 3", "2, 1, 3", "1, 2, 3"},
      expect = ACCEPTABLE,
      desc = "all the room was used, and no more")
  @Outcome(expect = FORBIDDEN, desc = "beyond the limit, less than it, or miscounted")
  @State
  public static class CommitSeveralAndCommit extends Account {
    private final List<Block> several = new ArrayList<>(3);
    private @Nullable Block one;
    private @Nullable Block other;

    public CommitSeveralAndCommit() {
      super(3);
    }

    @Actor
    public void several(III_Result r) {
      r.r1 =
          StressBlocks.taken(
              () -> {
                slabs.commit(wanted(), 3, true, several);
                return several.size();
              });
    }

    @Actor
    public void single(III_Result r) {
      one = commit();
      other = commit();
      r.r2 = count(one) + count(other);
    }

    @Arbiter
    public void after(III_Result r) {
      blocks.addAll(several);
      r.r3 = committed(one, other) + left();
    }
  }

  /** All or nothing for two beside a single one. */
  @JCStressTest
  @Outcome(id = "2, 0, 2", expect = ACCEPTABLE, desc = "both, and none for the other")
  @Outcome(id = "0, 1, 1", expect = ACCEPTABLE, desc = "nothing, and one for the other")
  @Outcome(expect = FORBIDDEN, desc = "a part, beyond the limit, or miscounted")
  @State
  public static class ReserveAndCommit extends Account {
    private final List<Block> reserved = new ArrayList<>();
    private @Nullable Block single;

    public ReserveAndCommit() {
      super(2);
    }

    @Actor
    public void reserve(III_Result r) {
      if (slabs.reserve(2 * BYTES)) {
        for (int i = 0; i < 2; i++) {
          Block block = commitReserved();
          if (block != null) {
            reserved.add(block);
          }
        }
      }
      r.r1 = reserved.size();
    }

    @Actor
    public void commit(III_Result r) {
      single = commit();
      r.r2 = count(single);
    }

    @Arbiter
    public void after(III_Result r) {
      blocks.addAll(reserved);
      r.r3 = committed(single) + left();
    }
  }

  /** The slabs are sealed while one is taken out. */
  @JCStressTest
  @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "it came before, and is to be waited for")
  @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "it came too late")
  @Outcome(expect = FORBIDDEN, desc = "spent with a block outside, or miscounted")
  @State
  public static class SealAndCommit extends Account {
    private @Nullable Block block;
    private volatile boolean spent;

    public SealAndCommit() {
      super(1);
    }

    @Actor
    public void commit(III_Result r) {
      block = commit();
      r.r1 = count(block);
    }

    @Actor
    public void seal() {
      slabs.seal(true);
      spent = slabs.areSpent();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = committed(block);
      boolean wasSpent = spent;
      r.r3 = left() + (wasSpent == (r.r1 == 0) ? 0 : 1) + (slabs.areSpent() ? 0 : 1);
    }
  }

  /** The slabs are sealed between a reservation and its use. */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "0, 0"},
      expect = ACCEPTABLE,
      desc = "used, or given back")
  @Outcome(expect = FORBIDDEN, desc = "miscounted")
  @State
  public static class SealAndCommitReserved extends Account {
    private @Nullable Block block;

    public SealAndCommitReserved() {
      super(1);
    }

    @Actor
    public void use(II_Result r) {
      if (slabs.reserve(BYTES)) {
        block = commitReserved();
        if (block == null) {
          slabs.unreserve(BYTES);
        }
      }
      r.r1 = count(block);
    }

    @Actor
    public void seal() {
      slabs.seal(true);
    }

    @Arbiter
    public void after(II_Result r) {
      boolean right = committed(block) == r.r1;
      r.r2 = left() + (right && slabs.areSpent() ? 0 : 1);
    }
  }
}
