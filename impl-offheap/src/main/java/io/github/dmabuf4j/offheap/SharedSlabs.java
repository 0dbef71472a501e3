package io.github.dmabuf4j.offheap;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The slabs that blocks of up to {@link SlabMemory#largestShared()} share, of any alignment. First
 * fit, the oldest slab first, so that the younger ones become empty and can be unmapped.
 *
 * <p><b>Invariant.</b> Every slab is in the list until it is unmapped; one that is {@code leaving}
 * for that is empty, and stays so. Slabs are added at the end, and taken out by one thread at a
 * time, so that those before the one it is at stay where they are. The slabs before {@code
 * barrenSlabs} have no room for {@code barrenPages} or more at a multiple of {@code barrenStep} or
 * more, so that many blocks that need a slab each aren't searched for in all.
 *
 * <p><b>Guard.</b> All of it by the lock of the {@link Slabs}, but for {@link #decommit}.
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
      Slab slab = slabs.get(i);
      Block block = slab.leaving ? null : takeFrom(slab, wanted, count, step);
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
   * Gives the pages of some blocks back to the operating system, those of neighbours by one call.
   * Without the lock: the blocks are outside, so nobody else has their pages. Those that it worked
   * for aren't written any more. Not where the machine's pages are larger than ours, and a block
   * may have a part of one.
   *
   * @param blocks sorted by their address; the caller has them
   * @param from the first of them
   * @param to behind the last
   */
  void decommit(List<Block> blocks, int from, int to) {
    if (memory.pageSize() != SizeClasses.PAGE) {
      return;
    }
    for (int i = from; i < to; ) {
      int end = endOfNeighbours(blocks, i, to);
      if (hasPages(blocks.get(i)) && decommitNeighbours(blocks, i, end)) {
        for (int k = i; k < end; k++) {
          blocks.get(k).written = false;
          blocks.get(k).zeroedIdle = false;
        }
      }
      i = end;
    }
  }

  /** Whether a block may have pages of the machine's memory. */
  private static boolean hasPages(Block block) {
    return block.written || block.zeroedIdle;
  }

  /** Behind the last of those with pages that lie side by side, from one of them on. */
  private static int endOfNeighbours(List<Block> blocks, int from, int to) {
    int end = from + 1;
    while (end < to
        && blocks.get(end).slab == blocks.get(from).slab
        && blocks.get(end).address == blocks.get(end - 1).address + blocks.get(end - 1).bytes()
        && hasPages(blocks.get(end)) == hasPages(blocks.get(from))) {
      end++;
    }
    return end;
  }

  private boolean decommitNeighbours(List<Block> blocks, int from, int to) {
    SlabMemory.Region region = blocks.get(from).slab.region;
    long start = blocks.get(from).address - region.address();
    long end = blocks.get(to - 1).address + blocks.get(to - 1).bytes() - region.address();
    try {
      return memory.decommit(region, start, end - start);
    } catch (OutOfMemoryError e) {
      return false; // once more when they are put back
    }
  }

  /**
   * Puts some blocks back, and their pages to the operating system: those of neighbours by one
   * call. All blocks are back when this returns, also without Java heap; pages may stay then.
   *
   * @param blocks sorted by their address
   * @param from the first of them
   * @param to behind the last
   * @return whether a slab is empty by that
   */
  boolean give(List<Block> blocks, int from, int to) {
    boolean emptied = false;
    Slab slab = null;
    PageRuns.@Nullable Range idle = null;
    for (int i = from; i < to; i++) {
      Block block = blocks.get(i);
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
    if (!hasPages(block)) {
      slab.sharedRuns().zeroed(start, start + count);
    }
    try {
      return slab.sharedRuns().give(start, count, hasPages(block));
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

  /** How many slabs there are. */
  int count() {
    return slabs.size();
  }

  /** Whether a slab is empty. */
  boolean hasEmpty() {
    return slabs.stream().anyMatch(slab -> slab.sharedRuns().isEmpty());
  }

  /** Whether an empty slab has pages of the machine's memory: they could not go back. */
  boolean hasEmptyWithPages() {
    for (int i = 0; i < slabs.size(); i++) {
      if (slabs.get(i).sharedRuns().isEmpty() && !slabs.get(i).sharedRuns().isZero()) {
        return true;
      }
    }
    return false;
  }

  /**
   * Lets no block out of an empty slab any more, which is to be unmapped.
   *
   * @return it, or null if the slab there isn't empty
   */
  @Nullable Slab beginLeaving(int index) {
    Slab slab = slabs.get(index);
    if (!slab.sharedRuns().isEmpty()) {
      return null;
    }
    slab.leaving = true;
    return slab;
  }

  /** Takes a slab out of the list if it is unmapped; else its room can be used again. */
  void endLeaving(int index, boolean gone) {
    slabs.get(index).leaving = false;
    if (gone) {
      slabs.remove(index);
    }
    barrenSlabs = 0;
  }
}
