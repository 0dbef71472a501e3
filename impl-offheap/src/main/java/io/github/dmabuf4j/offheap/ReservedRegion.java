package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.RegionStatistics;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The contiguous region of a pool: one block of its memory, committed and counted against the limit
 * as a whole from the start, out of which places are taken page by page (design rule AL4). Knows
 * the movable buffers of the pool, too, wherever they are.
 *
 * <p><b>Invariant.</b> A place is given out by {@link #place} or {@link #takeIsolated}, and is
 * somebody's until {@link #giveBack}. It is found in {@code pages}, or, after that, on the stack
 * {@code returned}, which whoever gets the lock next empties first. Nothing keeps places for later:
 * there are no magazines here that would have to be drained before a range is cleared, and what
 * comes back into an isolated range stays isolated (design rule AL5). Once {@code sealed}, no place
 * is given out, but to bring content back that was evicted; once {@code ended}, none at all.
 *
 * <p><b>Releases never wait.</b> A place comes back by a push on {@code returned}; then the lock is
 * tried. Where that fails, its owner sees the stack after its unlock: the push came before the try,
 * and the try before the unlock.
 *
 * <p><b>Locks.</b> One, for what the pages are used for; held for loops over pages and ranges,
 * never for copying. Nothing is locked inside, and no reservation, fence or user is waited for with
 * it. It may be taken with a reservation held.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>pages, sealed, ended</td><td>plain</td><td>plain</td><td>lock</td></tr>
 * <tr><td>returned</td><td>volatile</td><td>CAS to push, swapped for null to take all</td><td>-</td></tr>
 * <tr><td>buffers, movers</td><td colspan="3">concurrent sets</td></tr>
 * </table>
 */
final class ReservedRegion {
  private static final VarHandle RETURNED;

  static {
    try {
      RETURNED =
          MethodHandles.lookup().findVarHandle(ReservedRegion.class, "returned", Block.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final Pool pool;
  final Migration migration = new Migration(this);
  final ContiguousSupply supply;

  private final Block whole;
  private final RegionPages pages;
  private final ReentrantLock lock = new ReentrantLock();
  private final Set<PlacedBuffer> buffers = ConcurrentHashMap.newKeySet();
  private final Set<Thread> movers = ConcurrentHashMap.newKeySet();
  private final LongAdder allocations = new LongAdder();
  private boolean sealed;
  private boolean ended;

  private volatile @Nullable Block returned;

  /**
   * Creates a region.
   *
   * @param pool whose it is
   * @param whole its memory
   */
  ReservedRegion(Pool pool, Block whole) {
    this.pool = pool;
    this.whole = whole;
    this.pages = new RegionPages(whole.slab);
    this.supply = new ContiguousSupply(this);
  }

  long byteSize() {
    return whole.bytes();
  }

  /** The address of its first byte. */
  long start() {
    return whole.address;
  }

  /** Whether a block is a place in here. */
  boolean owns(Block block) {
    return block.slab == whole.slab;
  }

  // ---- the lock ----

  private void enter() {
    lock.lock();
    settle();
  }

  private void exit() {
    lock.unlock();
    settleReturned();
  }

  /** With the lock. */
  private void settle() {
    for (Block block = (Block) RETURNED.getAndSet(this, null); block != null; ) {
      Block below = block.below;
      block.below = null;
      pages.give(block);
      block = below;
    }
  }

  private void settleReturned() {
    while (returned != null && lock.tryLock()) {
      try {
        settle();
      } finally {
        lock.unlock();
      }
    }
  }

  // ---- places ----

  /**
   * Takes a place out for a movable buffer, the lowest that is free.
   *
   * @param size bytes
   * @param alignment of the first one, a power of two
   * @param patiently whether to wait for the lock
   * @return the place, or null if there is none, or the lock is taken
   */
  @Nullable Block place(long size, long alignment, boolean patiently) {
    return place(size, alignment, Long.MAX_VALUE, patiently, false);
  }

  /** As {@link #place}, for a buffer that comes back: also if the region is sealed. */
  @Nullable Block placeAgain(long size, long alignment) {
    return place(size, alignment, Long.MAX_VALUE, true, true);
  }

  /** As {@link #place}, but before an address. */
  @Nullable Block placeBelow(long address, long size, long alignment) {
    return place(size, alignment, address, true, false);
  }

  private @Nullable Block place(
      long size, long alignment, long below, boolean patiently, boolean comesBack) {
    long count = SizeClasses.pages(size);
    if (count > pages.count()) {
      return null;
    }
    if (patiently) {
      lock.lock();
    } else if (!lock.tryLock()) {
      return null;
    }
    try {
      settle();
      int limit = (int) Math.min(pages.count(), (below - whole.address) >>> SizeClasses.PAGE_SHIFT);
      boolean shut = ended || (sealed && !comesBack);
      RegionRange range = shut ? null : pages.take((int) count, stepOf(alignment), limit);
      return range == null ? null : range.block;
    } finally {
      exit();
    }
  }

  static int stepOf(long alignment) {
    return (int) Math.max(1, alignment >>> SizeClasses.PAGE_SHIFT);
  }

  /**
   * Whether movable buffers go here first: while most of what is free is here, as the kernel's
   * allocator does with CMA. Otherwise the region would fill up last, when it is too late to
   * relieve the pool, or first, for nothing.
   *
   * <p>Source: mm/page_alloc.c, __rmqueue.
   */
  boolean hasMostFree() {
    long here = freeBytes();
    long outside = pool.freeBytes();
    return here > outside && here > outside + pool.magazines.idleBytes();
  }

  private long freeBytes() {
    enter();
    try {
      return sealed ? 0 : (long) pages.free() << SizeClasses.PAGE_SHIFT;
    } finally {
      exit();
    }
  }

  /** Gives a place back, in here or in the pool. Never fails, waits for nobody. */
  void giveBack(Block block) {
    if (!owns(block)) {
      pool.release(block);
      return;
    }
    Block top;
    do {
      top = (Block) RETURNED.getVolatile(this);
      block.below = top;
    } while (!RETURNED.compareAndSet(this, top, block));
    settleReturned();
    pool.afterReturn();
    wakeMovers();
  }

  // ---- buffers ----

  /**
   * Makes a buffer of a block that nobody else has. Gives it back where that fails.
   *
   * @param block its place
   * @param request what was asked for
   * @param contiguous whether it stays here
   */
  DmaBuf export(Block block, AllocationRequest request, boolean contiguous) {
    PlacedBuffer buffer = null;
    try {
      if (block.written && request.content() == AllocationRequest.Content.ZEROED) {
        block.zero(request.size());
      }
      block.written = true;
      buffer =
          contiguous
              ? new ContiguousBuffer(this, block)
              : new MovableBuffer(this, block, request.alignment());
      buffers.add(buffer);
      if (owns(block)) {
        setUser(block, buffer);
      }
      DmaBuf handle =
          buffer.object.export(
              request.size(), request.name().orElse(null), request.layout().orElse(null));
      if (owns(block)) {
        allocations.increment();
      } else {
        pool.account.live(block);
      }
      return handle;
    } catch (RuntimeException | Error e) {
      if (buffer != null) {
        buffers.remove(buffer);
      }
      pool.putBack(block);
      throw e;
    }
  }

  private void setUser(Block block, @Nullable PlacedBuffer buffer) {
    enter();
    try {
      pages.rangeOf(block).user = buffer;
    } finally {
      exit();
    }
  }

  /** A buffer has a new place; the caller has its reservation. */
  void switchPlace(MovableBuffer buffer, Block to) {
    enter();
    try {
      RegionRange from =
          owns(buffer.place) && !buffer.isPlaceless() ? pages.rangeOf(buffer.place) : null;
      if (owns(to)) {
        pages.rangeOf(to).user = buffer;
      }
      if (from != null) {
        from.user = null;
      }
      buffer.place = to;
    } finally {
      exit();
    }
  }

  /** A buffer gives its place up; the caller has its reservation. */
  void vacate(PlacedBuffer buffer) {
    if (owns(buffer.place)) {
      setUser(buffer.place, null);
    }
  }

  /** A buffer has ended; its place is still to be given back. */
  void leave(PlacedBuffer buffer) {
    buffers.remove(buffer);
  }

  /** The movable buffers of the pool, in no order. */
  List<MovableBuffer> movables() {
    List<MovableBuffer> found = new ArrayList<>();
    for (PlacedBuffer buffer : buffers) {
      if (buffer instanceof MovableBuffer movable) {
        found.add(movable);
      }
    }
    return found;
  }

  /** Moves buffers together. */
  long compact() {
    return Compaction.run(this);
  }

  // ---- ranges that are cleared ----

  /** Whether there would be room for a number of pages if nothing lay here. */
  boolean couldFit(long count, int step) {
    return pages.couldFit(count, step);
  }

  RegionSnapshot snapshot() {
    enter();
    try {
      return pages.snapshot();
    } finally {
      exit();
    }
  }

  /** Keeps everybody out of a range; null if it isn't one that can be cleared any more. */
  @Nullable Isolation isolate(int start, int end) {
    enter();
    try {
      return sealed ? null : pages.isolate(start, end);
    } finally {
      exit();
    }
  }

  /** What still lies in an isolated range. */
  List<RegionSnapshot.Occupied> occupantsOf(Isolation isolation) {
    enter();
    try {
      return pages.rangesIn(isolation).stream().map(RegionSnapshot.Occupied::of).toList();
    } finally {
      exit();
    }
  }

  /**
   * Takes a cleared range, which ends the isolation; null, and it goes on, if the region is sealed.
   */
  @Nullable Block takeIsolated(Isolation isolation) {
    enter();
    try {
      return sealed ? null : pages.takeIsolated(isolation).block;
    } finally {
      exit();
    }
  }

  /** Lets everybody into a range again. */
  void giveUp(Isolation isolation) {
    enter();
    try {
      pages.giveUp(isolation);
    } finally {
      exit();
    }
    pool.afterReturn();
    wakeMovers();
  }

  /** Parks for some time, or until something changes. Interrupts end it. */
  void awaitChange(long nanos) {
    Thread self = Thread.currentThread();
    movers.add(self);
    try {
      LockSupport.parkNanos(this, nanos);
    } finally {
      movers.remove(self);
    }
  }

  /** Somebody has let go of something that those who clear a range may wait for. */
  void wakeMovers() {
    if (!movers.isEmpty()) {
      movers.forEach(LockSupport::unpark);
    }
  }

  // ---- the end ----

  /** Gives no place out any more, or again. */
  void seal(boolean shut) {
    enter();
    try {
      sealed = shut || ended;
    } finally {
      exit();
    }
    wakeMovers();
  }

  /**
   * Gives the memory back if the region is sealed and nobody has anything of it, nor could come
   * back to it.
   */
  void endIfUnused() {
    enter();
    try {
      boolean unused = pages.isUnused() && pool.slabs.hollow() == 0; // in this order
      if (!sealed || ended || !unused) {
        return;
      }
      ended = true;
    } finally {
      exit();
    }
    pool.returns.giveWholeBack(whole);
  }

  // ---- figures ----

  /** How many buffers were allocated in here. */
  long allocations() {
    return allocations.sum();
  }

  /** What lies in here, in places and bytes. */
  RegionStatistics statistics() {
    enter();
    try {
      long contiguous = 0;
      long contiguousPages = 0;
      for (RegionSnapshot.Occupied one : pages.snapshot().occupied()) {
        if (one.user() instanceof ContiguousBuffer) {
          contiguous++;
          contiguousPages += one.count();
        }
      }
      return new RegionStatistics(
          byteSize(),
          bytes(pages.free()),
          bytes(pages.longestFree()),
          bytes(pages.placed() - contiguousPages),
          pages.placedRanges() - contiguous,
          bytes(contiguousPages),
          contiguous,
          allocations(),
          migration.moves(),
          migration.movedBytes(),
          migration.busy());
    } finally {
      exit();
    }
  }

  private static long bytes(long pageCount) {
    return pageCount << SizeClasses.PAGE_SHIFT;
  }

  FragmentationMap map() {
    enter();
    try {
      return pages.map();
    } finally {
      exit();
    }
  }

  /** Adds the buffers that aren't plain ones. */
  BufInfo addTo(BufInfo plain, boolean patiently) {
    List<BufInfo.Buffer> all = new ArrayList<>(plain.buffers());
    addInfo(all, buffers.stream().filter(buffer -> buffer.object.isReferenced()).toList());
    return new BufInfo(plain.heap(), all, patiently ? Optional.of(map()) : Optional.empty());
  }

  /** Adds those that are pinned. */
  BufInfo addPinnedTo(BufInfo plain) {
    List<BufInfo.Buffer> all = new ArrayList<>(plain.buffers());
    addInfo(all, buffers.stream().filter(PlacedBuffer::isPinned).toList());
    return new BufInfo(plain.heap(), all);
  }

  /** What is known of some buffers. */
  BufInfo infoOf(Collection<? extends PlacedBuffer> some) {
    List<BufInfo.Buffer> all = new ArrayList<>();
    addInfo(all, some);
    return new BufInfo(pool.name, all);
  }

  private static void addInfo(List<BufInfo.Buffer> to, Collection<? extends PlacedBuffer> some) {
    some.forEach(buffer -> to.add(buffer.object.info()));
  }
}
