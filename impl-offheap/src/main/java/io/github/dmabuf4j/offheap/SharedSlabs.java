package io.github.dmabuf4j.offheap;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The slabs that blocks of up to {@link SlabMemory#largestShared()} share, of any alignment. First
 * fit, the oldest slab first, so that the younger ones become empty and can be unmapped.
 *
 * <p><b>Invariant.</b> Every slab with a shared block outside is in the list, and those that were
 * emptied, until they are taken out to be unmapped; they come back if that was refused. The slabs
 * before {@code barrenSlabs} have no room for {@code barrenPages} or more at a multiple of {@code
 * barrenStep} or more, so that many blocks that need a slab each aren't searched for in all.
 *
 * <p><b>Guard.</b> All of it by the lock of the {@link Slabs}.
 */
final class SharedSlabs {
  /** The size of a slab in bytes. */
  static final long BYTES = 32L << 20;

  /** How slabs are aligned in bytes, unless one is mapped for a block that needs more. */
  static final long ALIGNMENT = 2L << 20;

  private final Pool pool;
  private final SlabMemory memory;
  private final List<Slab> slabs = new ArrayList<>();
  private int barrenSlabs;
  private int barrenPages;
  private int barrenStep;

  SharedSlabs(Pool pool, SlabMemory memory) {
    this.pool = pool;
    this.memory = memory;
  }

  /**
   * Takes a block out, of a new slab if no other has room.
   *
   * @throws SlabMemoryException if there is no memory for a new slab
   */
  Block take(Wanted wanted) throws SlabMemoryException {
    int count = (int) (wanted.bytes() >>> SizeClasses.PAGE_SHIFT);
    int step = (int) Math.max(1, wanted.alignment() >>> SizeClasses.PAGE_SHIFT);
    int from = count >= barrenPages && step >= barrenStep ? barrenSlabs : 0;
    for (int i = from; i < slabs.size(); i++) {
      Block block = takeFrom(slabs.get(i), wanted, count, step);
      if (block != null) {
        rememberBarren(i, count, step);
        return block;
      }
    }
    rememberBarren(slabs.size(), count, step);
    Slab fresh = map(Math.max(wanted.alignment(), ALIGNMENT));
    Block block = takeFrom(fresh, wanted, count, step);
    if (block == null) {
      throw new AssertionError("an empty slab has no room for " + wanted);
    }
    return block;
  }

  private void rememberBarren(int slabsBefore, int count, int step) {
    barrenSlabs = slabsBefore; // those the search left out failed for less
    barrenPages = count;
    barrenStep = step;
  }

  private Slab map(long alignment) throws SlabMemoryException {
    SlabMemory.Region region = memory.map(BYTES, alignment, true);
    try {
      int pages = (int) (BYTES >>> SizeClasses.PAGE_SHIFT);
      int pagesPerUnit = (int) (memory.pageSize() >>> SizeClasses.PAGE_SHIFT);
      Slab fresh = new Slab(pool, region, new PageRuns(region.address(), pages, pagesPerUnit));
      slabs.add(fresh);
      return fresh;
    } catch (OutOfMemoryError e) {
      region.arena().close();
      throw e;
    }
  }

  private static @Nullable Block takeFrom(Slab slab, Wanted wanted, int count, int step) {
    PageRuns runs = slab.sharedRuns();
    int start = runs.take(count, step);
    if (start < 0) {
      return null;
    }
    long address = slab.region.address() + ((long) start << SizeClasses.PAGE_SHIFT);
    boolean zero = runs.isZero(start, count);
    try {
      return new Block(slab, address, wanted.bytes(), wanted.sizeClass(), zero);
    } catch (OutOfMemoryError e) {
      runs.give(start, count, false);
      throw e;
    }
  }

  /**
   * Puts blocks back, and their pages to the operating system: those of neighbours by one call. All
   * blocks are back when this returns, also without Java heap; pages may stay then.
   *
   * @param blocks sorted by their address
   * @return whether a slab is empty by that
   */
  boolean give(List<Block> blocks) {
    boolean emptied = false;
    Slab slab = null;
    PageRuns.@Nullable Range idle = null;
    for (Block block : blocks) {
      if (slab != block.slab) {
        emptied |= slab != null && leave(slab, idle);
        slab = block.slab;
        idle = null;
      }
      PageRuns.Range next = give(block);
      if (next != null && idle != null && idle.end() >= next.start()) {
        idle = join(idle, next);
      } else if (next != null) {
        decommit(slab, idle);
        idle = next;
      }
    }
    emptied |= slab != null && leave(slab, idle);
    barrenSlabs = 0;
    return emptied;
  }

  /**
   * Puts a block back: its pages, and others around it, that nobody needs and that aren't zero;
   * null, too, if there is no Java heap to say which.
   */
  private static PageRuns.@Nullable Range give(Block block) {
    Slab slab = block.slab;
    int start = (int) ((block.address - slab.region.address()) >>> SizeClasses.PAGE_SHIFT);
    int count = (int) (block.bytes() >>> SizeClasses.PAGE_SHIFT);
    try {
      return slab.sharedRuns().give(start, count, block.written || block.zeroedIdle);
    } catch (OutOfMemoryError e) {
      return null;
    }
  }

  private static PageRuns.Range join(PageRuns.Range first, PageRuns.Range next) {
    try {
      return new PageRuns.Range(first.start(), next.end());
    } catch (OutOfMemoryError e) {
      return next;
    }
  }

  /** Gives the last pages of a slab back; whether it is empty. */
  private boolean leave(Slab slab, PageRuns.@Nullable Range idle) {
    decommit(slab, idle);
    return slab.sharedRuns().isEmpty();
  }

  private void decommit(Slab slab, PageRuns.@Nullable Range idle) {
    try {
      if (idle != null && memory.decommit(slab.region, idle.byteOffset(), idle.byteCount())) {
        slab.sharedRuns().zeroed(idle);
      }
    } catch (OutOfMemoryError e) {
      // They stay until a neighbour goes back, or the slab.
    }
  }

  /** Takes out of the list what is empty, to be unmapped. */
  List<Slab> takeEmpty() {
    List<Slab> empty = slabs.stream().filter(slab -> slab.sharedRuns().isEmpty()).toList();
    if (!empty.isEmpty()) {
      slabs.removeAll(empty);
      barrenSlabs = 0;
    }
    return empty;
  }

  /** Puts an empty slab back that could not be unmapped: its room can be used. */
  void keep(Slab slab) {
    slabs.add(slab);
  }
}
