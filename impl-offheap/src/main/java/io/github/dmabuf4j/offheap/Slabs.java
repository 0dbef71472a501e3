package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.BufInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The slabs of a pool, what of them is committed, and the {@link BlockList} of all blocks outside
 * them. Small blocks are in {@link SharedSlabs}; one above {@link SlabMemory#largestShared()} has
 * one of its own.
 *
 * <p><b>Invariant.</b> {@code committed} is the sum of the bytes of the blocks in the list, plus
 * those of blocks whose memory is being given back at the moment, plus what is reserved for blocks
 * on their way out; it is at most the limit. It is raised before a block leaves its slab, and
 * lowered after its memory went back (design rule AL9). Once {@code sealed}, no block leaves a
 * slab, but to bring content back that was evicted. No two blocks overlap, but for those that are
 * hollow: they are in the list, too, have no memory and no bytes, and keep the pool from its end.
 *
 * <p>Of a heap with a store, users can commit up to the limit without the {@code reserve}; the
 * store, up to the limit.
 *
 * <p><b>A slab may refuse to be unmapped</b>, while native code is running that was given a segment
 * of it. A block with a slab of its own then stays committed, in {@code stuck}. It is tried again a
 * second later, also when the pool has ended or was lost by then, and whenever anything is given
 * back; an empty shared slab, a second later. Of a strategy whose memory goes back on the thread
 * that took it, a block may be stuck until that thread gives something back.
 *
 * <p><b>Locks.</b> One lock guards everything, taken on slow paths only; nothing else is locked
 * while it is held, and nobody waits for a fence or a reservation with it. Pages go back and slabs
 * are unmapped without it; those of a memory that pools itself are mapped without it, too.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>reserve</td><td>volatile</td><td>volatile</td><td>once, before the first allocation</td></tr>
 * <tr><td>committed, peak, hollow</td><td>volatile; with the lock exact</td><td>volatile</td><td>lock</td></tr>
 * <tr><td>all others</td><td>plain</td><td>plain</td><td>lock</td></tr>
 * </table>
 */
final class Slabs {
  /** How many bytes of shared slabs go back before others have their turn: some 100 µs. */
  private static final long GIVEN_BACK_AT_ONCE = 4L << 20;

  private final Pool pool;
  private final SlabMemory memory;
  private final long limit;
  private final ReentrantLock lock = new ReentrantLock();

  private final SharedSlabs shared;

  /** Those that could not be unmapped, linked by {@code below}: that takes no Java heap. */
  private @Nullable Block stuck;

  private final BlockList outside = new BlockList();
  private final Unmapping unmapping;

  /** What becomes of shared slabs of which nothing is outside any more. */
  final EmptySlabs empty;

  private volatile int hollow;
  private volatile long reserve;
  private boolean sealed;
  private volatile long committed;
  private volatile long peak;

  Slabs(Pool pool, SlabMemory memory, long limit) {
    this.pool = pool;
    this.memory = memory;
    this.limit = limit;
    this.shared = new SharedSlabs(pool, memory);
    this.unmapping = new Unmapping(pool);
    this.empty = new EmptySlabs(pool, lock, shared, unmapping);
  }

  /**
   * Takes memory over that is committed as a whole, as one block that isn't a buffer's. Called
   * once, before any other call, with at most the limit.
   */
  Block adopt(SlabMemory.Region region) {
    long bytes = region.segment().byteSize();
    Block whole =
        new Block(
            new Slab(pool, region, null), region.address(), bytes, SizeClasses.UNPOOLED, true);
    lock.lock();
    try {
      outside.link(whole); // nobody allocated it
      charge(bytes);
    } finally {
      lock.unlock();
    }
    return whole;
  }

  // ---- blocks leave their slab ----

  /**
   * Takes a block out of a slab, if that doesn't exceed the limit.
   *
   * @param wanted what it has to be like
   * @param patiently whether to wait for the lock
   * @return a block, or null if the limit is in the way, the slabs are sealed, or the lock is taken
   * @throws SlabMemoryException if the operating system refuses
   */
  @Nullable Block commit(Wanted wanted, boolean patiently) throws SlabMemoryException {
    if (memory.poolsItself()) {
      return reserve(wanted.bytes(), patiently, wanted.comesBack()) ? takeReserved(wanted) : null;
    }
    if (patiently) {
      lock.lock();
    } else if (!lock.tryLock()) {
      return null;
    }
    try {
      if ((sealed && !wanted.comesBack()) || wanted.bytes() > limit - reserve - committed) {
        return null;
      }
      Block block = take(wanted);
      charge(wanted.bytes());
      return block;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes a block out for the store, of the reserve if need be. Also of slabs that are sealed:
   * content that comes back may need the memory of other content.
   *
   * @throws SlabMemoryException if the operating system refuses
   */
  @Nullable Block commitForStore(Wanted wanted) throws SlabMemoryException {
    lock.lock();
    try {
      if (wanted.bytes() > limit - committed) {
        return null;
      }
      if (!memory.poolsItself()) {
        Block block = take(wanted);
        charge(wanted.bytes());
        return block;
      }
      charge(wanted.bytes());
    } finally {
      lock.unlock();
    }
    return takeReserved(wanted);
  }

  /**
   * Takes several blocks out, as many as the limit allows; none if the slabs are sealed or the lock
   * is taken.
   *
   * @param wanted what each has to be like
   * @param count at most so many
   * @param patiently whether to wait for the lock
   * @param to where to put them, with room for them: or one could be out, and in no list
   * @throws SlabMemoryException if the operating system refuses the next one
   */
  void commit(Wanted wanted, int count, boolean patiently, List<Block> to)
      throws SlabMemoryException {
    if (patiently) {
      lock.lock();
    } else if (!lock.tryLock()) {
      return;
    }
    try {
      int all = to.size() + roomFor(wanted, count);
      charge((all - to.size()) * wanted.bytes());
      try {
        while (to.size() < all) {
          to.add(take(wanted));
        }
      } finally {
        charge((to.size() - all) * wanted.bytes()); // what the system refused
      }
    } finally {
      lock.unlock();
    }
  }

  /** How many of several blocks the limit allows, with the lock. */
  private int roomFor(Wanted each, int count) {
    long room = Math.max(0, limit - reserve - committed);
    return sealed ? 0 : (int) Math.min(count, room / each.bytes());
  }

  /**
   * Takes out a block of a memory that pools itself. That one isn't called with the lock, for it is
   * anybody's code; if it fails, the bytes go back to the limit.
   *
   * <p>If the slabs are sealed meanwhile, this goes on: whoever closes the pool sees that bytes are
   * committed, and waits until the block is live or back.
   */
  private Block takeReserved(Wanted wanted) throws SlabMemoryException {
    Block block = null;
    try {
      block = takeOwnUnlocked(wanted);
      return block;
    } finally {
      if (block == null) {
        pool.unreserve(wanted.bytes());
      }
    }
  }

  /** Waits for the lock at its end, for NOWAIT too: while others link a block, or make a report. */
  private Block takeOwnUnlocked(Wanted wanted) throws SlabMemoryException {
    Block block = takeOwn(wanted);
    lock.lock();
    try {
      outside.add(block);
      return block;
    } finally {
      lock.unlock();
    }
  }

  private Block take(Wanted wanted) throws SlabMemoryException {
    Block block = wanted.bytes() <= memory.largestShared() ? takeShared(wanted) : takeOwn(wanted);
    outside.add(block);
    return block;
  }

  private Block takeShared(Wanted wanted) throws SlabMemoryException {
    try {
      return shared.take(wanted);
    } catch (SlabMemoryException e) {
      return takeOwn(wanted); // there may be address space for one block, if not for a slab
    }
  }

  /**
   * Charges for blocks that the caller takes out by {@link #commitReserved}, if that doesn't exceed
   * the limit and the slabs aren't sealed: all of them or none.
   */
  boolean reserve(long bytes) {
    return reserve(bytes, true, false);
  }

  private boolean reserve(long bytes, boolean patiently, boolean comesBack) {
    if (patiently) {
      lock.lock();
    } else if (!lock.tryLock()) {
      return false;
    }
    try {
      if ((sealed && !comesBack) || bytes > limit - reserve - committed) {
        return false;
      }
      charge(bytes);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes out a block that was reserved; null if the slabs were sealed since.
   *
   * @throws SlabMemoryException if the operating system refuses: the bytes stay reserved
   */
  @Nullable Block commitReserved(Wanted wanted) throws SlabMemoryException {
    lock.lock();
    try {
      if (sealed) {
        return null;
      }
      if (!memory.poolsItself()) {
        return take(wanted);
      }
    } finally {
      lock.unlock();
    }
    return takeOwnUnlocked(wanted);
  }

  /** Gives back to the limit what was reserved and not used. */
  void unreserve(long bytes) {
    lock.lock();
    try {
      charge(-bytes);
    } finally {
      lock.unlock();
    }
  }

  /** Moves the account, with the lock. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // volatile for readers without the lock only
  private void charge(long bytes) {
    committed += bytes;
    peak = Math.max(peak, committed);
  }

  private Block takeOwn(Wanted wanted) throws SlabMemoryException {
    SlabMemory.Region region =
        memory.map(wanted.bytes(), Math.max(wanted.alignment(), SizeClasses.PAGE), false);
    try {
      Slab slab = new Slab(pool, region, null);
      return new Block(slab, region.address(), wanted.bytes(), wanted.sizeClass(), region.isZero());
    } catch (OutOfMemoryError e) {
      region.arena().close();
      throw e;
    }
  }

  // ---- blocks without memory ----

  /** Gives the memory of a block to a new one, which counts as live as that did. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // the lock is held
  Block succeed(Block block) {
    Block heir = new Block(block);
    lock.lock();
    try {
      outside.link(heir);
      block.hollow = true;
      hollow++;
    } finally {
      lock.unlock();
    }
    return heir;
  }

  /** Gives the memory of a block that nobody has to a hollow one. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // the lock is held
  void refill(Block block, Block other) {
    lock.lock();
    try {
      outside.remove(other);
      block.takeOver(other);
      hollow--;
    } finally {
      lock.unlock();
    }
  }

  /** Nobody refers to a hollow block any more. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // the lock is held
  void dropHollow(Block block) {
    lock.lock();
    try {
      outside.remove(block);
      hollow--;
    } finally {
      lock.unlock();
    }
  }

  /** Counts buffers that have no memory, and aren't blocks. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // the lock is held
  void addHollow(int count) {
    lock.lock();
    try {
      hollow += count;
    } finally {
      lock.unlock();
    }
  }

  /**
   * How many buffers have no memory. One counts before its memory goes: who sees that it is gone
   * sees this, too.
   */
  int hollow() {
    return hollow;
  }

  /** Keeps a part of the limit for the store. */
  void setReserve(long bytes) {
    reserve = bytes;
  }

  /** How much of the limit is for the store alone. */
  long reserve() {
    return reserve;
  }

  /** Whether the store has some of that, or users have what they may have. */
  boolean isShortOfReserve() {
    long kept = reserve;
    return kept != 0 && committed > limit - kept;
  }

  // ---- blocks go back ----

  /**
   * Gives blocks back that count as live, as if they had not been taken out.
   *
   * @return how many bytes went back
   * @throws OutOfMemoryError as {@link #giveBack} does
   */
  long giveBackLive(List<Block> blocks) {
    long bytes = giveBack(blocks);
    lock.lock();
    try {
      for (int i = 0; i < blocks.size(); i++) { // without Java heap: the memory is gone
        outside.uncount(blocks.get(i));
      }
    } finally {
      lock.unlock();
    }
    return bytes;
  }

  /**
   * Gives blocks back: their memory to the operating system, their bytes to the limit. Neighbours
   * in a shared slab go together.
   *
   * @param blocks nobody else has them
   * @return how many bytes went back
   * @throws OutOfMemoryError if there is no Java heap to begin with: nothing has changed
   */
  long giveBack(List<Block> blocks) {
    List<Block> sharing = new ArrayList<>(blocks);
    sharing.removeIf(block -> block.slab.runs == null);
    sharing.sort(Comparator.comparingLong(block -> block.address));
    long bytes = 0;
    for (int i = 0; i < blocks.size(); i++) { // from here on without Java heap
      if (blocks.get(i).slab.runs == null) {
        bytes += giveBackOwn(blocks.get(i));
      }
    }
    for (int from = 0; from < sharing.size(); ) {
      int to = endOfTurn(sharing, from);
      bytes += giveBackShared(sharing, from, to);
      from = to;
    }
    return bytes;
  }

  /** Where the next turn begins: no lock is held for longer than a few large blocks take. */
  private static int endOfTurn(List<Block> blocks, int from) {
    long left = GIVEN_BACK_AT_ONCE;
    int to = from;
    while (to < blocks.size() && left > 0) {
      left -= blocks.get(to).bytes();
      to++;
    }
    return to;
  }

  private long giveBackOwn(Block block) {
    boolean unmapped = unmapping.unmap(block.slab);
    lock.lock();
    try {
      if (!unmapped) {
        block.below = stuck;
        stuck = block;
        return 0;
      }
      outside.remove(block);
      charge(-block.bytes());
      return block.bytes();
    } finally {
      lock.unlock();
    }
  }

  /** Gives back some blocks of shared slabs, sorted by their address. */
  private long giveBackShared(List<Block> blocks, int from, int to) {
    require(blocks, from, to);
    shared.decommit(blocks, from, to); // nobody else gets their pages before they are put back
    boolean emptied;
    boolean kept;
    long bytes = 0;
    lock.lock();
    try {
      emptied = shared.give(blocks, from, to);
      kept = emptied && shared.hasEmptyWithPages();
      for (int i = from; i < to; i++) {
        outside.remove(blocks.get(i));
        bytes += blocks.get(i).bytes();
      }
      charge(-bytes);
    } finally {
      lock.unlock();
    }
    if (kept) {
      empty.unmap();
    } else if (emptied) {
      empty.unmapSoon();
    }
    return bytes;
  }

  private void require(List<Block> blocks, int from, int to) {
    lock.lock();
    try {
      for (int i = from; i < to; i++) {
        outside.require(blocks.get(i));
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Tries again to give blocks back whose slabs could not be unmapped.
   *
   * @return how many bytes went back
   */
  long retry() {
    Block top;
    lock.lock();
    try {
      top = stuck;
      stuck = null;
    } finally {
      lock.unlock();
    }
    long bytes = 0;
    for (Block block = top; block != null; ) {
      Block below = block.below;
      block.below = null;
      bytes += giveBackOwn(block);
      block = below;
    }
    return bytes;
  }

  /** The timer begins to try what refused: {@link #retry} and {@link EmptySlabs#unmap}. */
  void beginRetry() {
    unmapping.beginRetry();
  }

  // ---- the end ----

  /** Lets no block out any more, or again. */
  void seal(boolean shut) {
    lock.lock();
    try {
      sealed = shut;
    } finally {
      lock.unlock();
    }
  }

  /** Whether all blocks are back, and none will be let out. */
  boolean areSpent() {
    lock.lock();
    try {
      return sealed && committed == 0 && hollow == 0;
    } finally {
      lock.unlock();
    }
  }

  // ---- figures ----

  long committed() {
    return committed;
  }

  long peak() {
    return peak;
  }

  /** How many blocks of a class left a slab so far. */
  long[] commits() {
    lock.lock();
    try {
      return outside.commits();
    } finally {
      lock.unlock();
    }
  }

  /** How many blocks of no class left a slab so far. */
  long unpooledCommits() {
    lock.lock();
    try {
      return outside.unpooledCommits();
    } finally {
      lock.unlock();
    }
  }

  /**
   * The buffers that are live or in quarantine.
   *
   * @param patiently whether to wait for the lock
   * @return a snapshot, or null if the lock is taken
   */
  @Nullable BufInfo info(boolean patiently) {
    if (patiently) {
      lock.lock();
    } else if (!lock.tryLock()) {
      return null;
    }
    try {
      return new BufInfo(pool.name, outside.infos(block -> block.object.isReferenced()));
    } finally {
      lock.unlock();
    }
  }

  /**
   * The buffers that are pinned. Waits for the lock.
   *
   * @return a snapshot, which may lack what is being pinned
   */
  BufInfo pinnedInfo() {
    lock.lock();
    try {
      return new BufInfo(pool.name, outside.infos(block -> block.pinnedTerms != 0));
    } finally {
      lock.unlock();
    }
  }
}
