package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Blocks for races, and what is asked of them. */
final class StressBlocks {
  /** The size of a block of {@link #CLASS} in bytes. */
  static final long BYTES = SizeClasses.PAGE;

  /** The class of all blocks here. */
  static final int CLASS = 0;

  private static final Pool NOBODYS = pool(new StressMemory(false), 8);

  private StressBlocks() {}

  /** A pool of one stripe. */
  static Pool pool(SlabMemory memory, long limitBlocks) {
    return pool(memory, limitBlocks, 1);
  }

  /** A pool of some stripes. */
  static Pool pool(SlabMemory memory, long limitBlocks, int stripes) {
    return new Pool("stress", limitBlocks * BYTES, limitBlocks * BYTES, memory, stripes);
  }

  /** A block without memory, of a pool that is in no race. */
  static Block block(long page) {
    return block(NOBODYS, page);
  }

  /** A block without memory. */
  static Block block(Pool pool, long page) {
    MemorySegment none = MemorySegment.ofAddress(page << SizeClasses.PAGE_SHIFT);
    Slab slab = new Slab(pool, new SlabMemory.Region(none, Arena.global()), null);
    return new Block(slab, none.address(), BYTES, CLASS, true);
  }

  /** What an allocation of one block asks for. */
  static Wanted wanted() {
    return new Wanted(BYTES, BYTES, CLASS, 1, AllocPolicy.NORMAL);
  }

  /** What takes blocks out of slabs; this memory is never refused. */
  interface Taking<T extends @Nullable Object> {
    /** Takes them out. */
    T take() throws SlabMemoryException;
  }

  /** What is taken out. */
  static <T extends @Nullable Object> T taken(Taking<T> taking) {
    try {
      return taking.take();
    } catch (SlabMemoryException e) {
      throw new AssertionError(e);
    }
  }

  /** One more block, or null if there is no room. */
  static @Nullable Block commit(Pool pool) {
    return StressBlocks.<@Nullable Block>taken(() -> pool.slabs.commit(wanted(), true));
  }

  /** The first block of a pool. */
  static Block first(Pool pool) {
    Block block = commit(pool);
    if (block == null) {
      throw new AssertionError("no room in an empty pool");
    }
    return block;
  }

  /** 1 if there is one. */
  static int count(@Nullable Block block) {
    return block == null ? 0 : 1;
  }

  /** Everything that is left in there. */
  static List<Block> rest(Magazines magazines) {
    List<Block> rest = new ArrayList<>();
    while (true) {
      Block block = magazines.popPatiently(CLASS, 0);
      if (block == null) {
        return rest;
      }
      rest.add(block);
    }
  }

  /** How many blocks there are in all, or -1 if one of them is there twice. */
  @SafeVarargs
  static int countDifferent(Collection<Block>... parts) {
    List<Block> all = new ArrayList<>();
    for (Collection<Block> part : parts) {
      all.addAll(part);
    }
    return new HashSet<>(all).size() == all.size() ? all.size() : -1;
  }

  /** A list of one block, or of none. */
  static List<Block> listOf(@Nullable Block block) {
    return block == null ? List.of() : List.of(block);
  }
}
