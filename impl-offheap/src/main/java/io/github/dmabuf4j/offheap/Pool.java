package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link PooledHeap} and its buffers share: idle blocks in {@link Magazines}, the {@link
 * Slabs} they come from, who waits for them ({@link Waiters}) and how it ends ({@link Lifecycle}).
 * Blocks know the pool and not the heap, so that a heap that is lost can be noticed while its
 * buffers live.
 *
 * <p><b>The two hot paths</b> touch one stripe of one magazine and read one shared word that hardly
 * ever changes: allocating takes a block out and then looks whether anybody is watching, releasing
 * puts one back and then looks the same way. Everything else — the limit, other classes, waiting,
 * the end — is in the slow paths, {@link Supply} and {@link Returns}.
 */
final class Pool {
  final String name;
  final long limit;
  final Magazines magazines;
  final Slabs slabs;
  final PinnedBytes pinned;

  /** Where movable buffers may lie; null if the heap was opened without one. */
  final @Nullable ReservedRegion region;

  /** Buffers over memory of others. */
  final UserBuffers user;

  /** The buffers that can be evicted or purged. Set once, before the first allocation. */
  BufferLru lru = new BufferLru();

  /** What the store has; null without one. Set once, before the first allocation. */
  @Nullable SwapSpace swap;

  /** Who gives memory back before it is short. Set once, before the first allocation. */
  @Nullable BackgroundReclaim background;

  /** What becomes of the memory of buffers that are evicted or purged. */
  final Succession succession;

  final Waiters waiters = new Waiters();
  final Lifecycle lifecycle = new Lifecycle(this);

  /**
   * Put around each block before its buffer is made: where the conformance kit looks at callbacks.
   * Set before the first allocation, if at all.
   */
  UnaryOperator<Exporter> around = UnaryOperator.identity();

  /**
   * Whom to ask for memory when it is short. Of the heap, which those who are asked may refer to:
   * else it could never be noticed as lost.
   */
  WeakReference<PoolShrinker> shrinker = new WeakReference<>(null);

  final PoolAccount account = new PoolAccount(this);

  /** How idle blocks go back. */
  final Returns returns;

  final SlabMemory memory;
  private final Supply supply = new Supply(this);
  private final BulkSupply bulk = new BulkSupply(this, supply);

  /** The largest class of blocks that fits the limit. */
  final int largestClass;

  private final String operation;

  /** Creates a pool without a contiguous region. */
  Pool(String name, long limit, long pinnedLimit, SlabMemory memory, int stripes) {
    this(name, limit, pinnedLimit, limit, memory, stripes, null);
  }

  /**
   * Creates a pool.
   *
   * @param userLimit the most bytes of user memory
   * @param reserved the memory of its contiguous region, at most as large as the limit; or null for
   *     none
   */
  Pool(
      String name,
      long limit,
      long pinnedLimit,
      long userLimit,
      SlabMemory memory,
      int stripes,
      SlabMemory.@Nullable Region reserved) {
    this.name = name;
    this.limit = limit;
    this.memory = memory;
    this.magazines = new Magazines(stripes);
    this.returns = new Returns(this);
    this.succession = new Succession(this, supply);
    this.slabs = new Slabs(this, memory, limit);
    this.pinned = new PinnedBytes(pinnedLimit);
    this.user = new UserBuffers(this, userLimit, memory.pageSize());
    this.region = reserved == null ? null : new ReservedRegion(this, slabs.adopt(reserved));
    this.largestClass =
        memory.poolsItself() ? SizeClasses.UNPOOLED : largestClassWithin(limit - regionBytes());
    this.operation = "allocating from " + name;
  }

  /**
   * Opens the store that content is evicted to; before the first allocation.
   *
   * @param opening opens it, with the memory that it can have
   */
  void openStore(Function<SwapMemory, SwapStore> opening) {
    SwapSpace space = new SwapSpace(this);
    swap = space;
    slabs.setReserve(SwapSpace.reserveOf(limit));
    SwapStore store = opening.apply(space);
    space.setStore(store);
    lru = new BufferLru(store);
  }

  private static int largestClassWithin(long limit) {
    int largest = SizeClasses.COUNT - 1;
    while (largest >= 0 && SizeClasses.bytes(largest) > limit) {
      largest--;
    }
    return largest;
  }

  // ---- hot paths ----

  /**
   * Allocates.
   *
   * @param request what is wanted
   * @param policy what to do when memory is short
   * @param interruptibly whether waiting ends at an interrupt
   */
  DmaBuf allocate(AllocationRequest request, AllocPolicy policy, boolean interruptibly)
      throws InterruptedException {
    if (policy != AllocPolicy.NOWAIT) {
      Lockdep.mayReclaim(operation);
    }
    long size = request.size();
    long alignment = request.alignment();
    int sizeClass = classOf(size);
    Block block = request.isMovable() ? takeMovable(request) : popIdle(sizeClass, alignment);
    if (block == null || waiters.areWatching()) {
      Wanted wanted = wanted(request, policy);
      block = supply.obtain(block, wanted, interruptibly);
    }
    return export(block, request);
  }

  /**
   * A place in the region for a movable buffer if it has most of what is free, else an idle block.
   */
  private @Nullable Block takeMovable(AllocationRequest request) {
    checkAlignment(request.alignment());
    boolean patiently = request.policy() != AllocPolicy.NOWAIT;
    if (region != null && patiently && region.hasMostFree()) {
      Block place = region.place(request.size(), request.alignment(), true);
      if (place != null) {
        return place;
      }
    }
    return popIdle(classOf(request.size()), request.alignment());
  }

  /**
   * Allocates what is there at once and not meant for somebody who waits; null if that is nothing.
   */
  @Nullable DmaBuf tryAllocate(AllocationRequest request) {
    long alignment = request.alignment();
    int sizeClass = classOf(request.size());
    Wanted wanted = wanted(request, AllocPolicy.NOWAIT);
    Block block = supply.tryObtain(popIdle(sizeClass, alignment), wanted);
    return block == null ? null : export(block, request);
  }

  /**
   * Allocates several.
   *
   * @return as many as can be had; all, if the policy waits until they can
   */
  List<DmaBuf> allocateBulk(AllocationRequest request, int count) throws InterruptedException {
    if (request.policy() != AllocPolicy.NOWAIT) {
      Lockdep.mayReclaim(operation);
    }
    checkAlignment(request.alignment());
    Wanted wanted = wanted(request, request.policy());
    List<Block> blocks = bulk.obtain(wanted, count);
    List<DmaBuf> buffers = new ArrayList<>(blocks.size());
    int next = 0;
    try {
      while (next < blocks.size()) {
        buffers.add(export(blocks.get(next++), request)); // puts its block back if it fails
      }
      return buffers;
    } catch (RuntimeException | Error e) {
      buffers.forEach(DmaBuf::close);
      blocks.subList(next, blocks.size()).forEach(this::putBack);
      throw e;
    }
  }

  /**
   * Allocates for somebody who is queued, and takes it off the queue.
   *
   * @throws InterruptedException if the thread is interrupted while it waits
   */
  DmaBuf allocateInTurn(AllocationRequest request, Waiters.Waiter place)
      throws InterruptedException {
    Lockdep.mayReclaim(operation);
    return export(supply.obtainInTurn(patient(request), place, true), request);
  }

  /** What a request asks for with the policy NO_FAIL. */
  Wanted patient(AllocationRequest request) {
    return wanted(request, AllocPolicy.NO_FAIL);
  }

  private int classOf(long size) {
    int sizeClass = SizeClasses.classOf(SizeClasses.pages(size));
    return sizeClass > largestClass ? SizeClasses.UNPOOLED : sizeClass;
  }

  /** Takes an idle block out, if one is there at once. */
  @Nullable Block popIdle(Wanted wanted) {
    return popIdle(wanted.sizeClass(), wanted.alignment());
  }

  private @Nullable Block popIdle(int sizeClass, long alignment) {
    long addressMask = Wanted.addressMask(alignment);
    if (addressMask != 0) {
      checkAlignment(alignment);
    }
    return sizeClass == SizeClasses.UNPOOLED ? null : magazines.pop(sizeClass, addressMask);
  }

  private Wanted wanted(AllocationRequest request, AllocPolicy policy) {
    int sizeClass = classOf(request.size());
    return new Wanted(
        request.size(),
        blockBytes(request.size(), sizeClass),
        sizeClass,
        request.alignment(),
        policy,
        request.isMovable() && region != null,
        request.isQuiet(),
        false);
  }

  /** What is wanted of a size that isn't a request's. */
  Wanted wanted(long size, long alignment, AllocPolicy policy) {
    int sizeClass = classOf(size);
    return new Wanted(size, blockBytes(size, sizeClass), sizeClass, alignment, policy);
  }

  /** What a buffer wants that comes back. */
  Wanted wantedAgain(long size, long alignment, boolean movable) {
    int sizeClass = classOf(size);
    return new Wanted(
        size,
        blockBytes(size, sizeClass),
        sizeClass,
        alignment,
        AllocPolicy.TRY_HARD,
        movable,
        false,
        true);
  }

  private static long blockBytes(long size, int sizeClass) {
    return sizeClass == SizeClasses.UNPOOLED
        ? SizeClasses.pages(size)
            << SizeClasses.PAGE_SHIFT // below 0 for the last page of all: beyond any limit
        : SizeClasses.bytes(sizeClass);
  }

  void checkAlignment(long alignment) {
    if (alignment > memory.maxAlignment()) {
      throw new IllegalArgumentException(
          "wanted an alignment of at most %d, got %d: %s can't do more"
              .formatted(memory.maxAlignment(), alignment, name));
    }
  }

  private DmaBuf export(Block block, AllocationRequest request) {
    if (request.isMovable() && region != null) {
      return region.export(block, request, false);
    }
    try {
      if (block.written && request.content() == AllocationRequest.Content.ZEROED) {
        block.zero(request.size());
      }
      block.written = true;
      block.alignmentShift = (byte) Long.numberOfTrailingZeros(request.alignment());
      DmaBuf buffer =
          block.object.export(
              request.size(), request.name().orElse(null), request.layout().orElse(null));
      account.live(block);
      return buffer;
    } catch (RuntimeException | Error e) {
      if (!block.object.isReferenced()) {
        putBack(block);
      }
      throw e;
    }
  }

  /**
   * Takes back a block that nobody refers to any more. Never fails, waits for nobody who could wait
   * for a fence.
   */
  void release(Block block) {
    if (block.isPooled()) {
      magazines.push(block);
    } else {
      account.unpooledEnded(block);
      retireUnpooled(block);
    }
    if (waiters.areWatching()) {
      afterReturn();
    }
  }

  /**
   * Puts a block that isn't kept where it is given back soon; or, where memory comes from somebody
   * who pools it, gives it back now.
   */
  private void retireUnpooled(Block block) {
    if (memory.poolsItself()) {
      giveBackNow(block);
    } else {
      magazines.retire(block);
      Decay.soon(this);
    }
  }

  private void giveBackNow(Block block) {
    long bytes;
    try {
      bytes = slabs.giveBack(List.of(block));
    } catch (OutOfMemoryError e) { // it wasn't: retiring needs none
      magazines.retire(block);
      Decay.soon(this);
      return;
    }
    afterGivingBack(bytes);
  }

  /** Puts back a block that nobody has used. */
  void putBack(Block block) {
    if (isInRegion(block)) {
      Objects.requireNonNull(region).giveBack(block);
    } else if (block.isPooled()) {
      magazines.push(block);
    } else {
      retireUnpooled(block);
    }
    afterReturn();
  }

  /** Puts back a block that was taken out and not used, as if it had not been. Wakes nobody. */
  void undo(Block block) {
    if (isInRegion(block)) {
      Objects.requireNonNull(region).giveBack(block);
    } else if (block.isPooled()) {
      magazines.undo(block);
    } else {
      magazines.retire(block);
    }
    lifecycle.afterReturn();
  }

  /** Whether a block is a place in the region. */
  boolean isInRegion(Block block) {
    return region != null && region.owns(block);
  }

  /** Something can be had that could not before. */
  void afterReturn() {
    if (waiters.areWatching()) {
      lifecycle.afterReturn();
      waiters.wakeFirst();
    }
  }

  // ---- buffers that are evicted or purged, and come back ----

  /** A buffer has ended that had no memory. */
  void afterEvictedRelease() {
    lifecycle.afterReturn();
    lifecycle.afterGivingBack();
  }

  // ---- pins ----

  /**
   * Counts the block of a buffer as pinned. The buffer's reservation is held.
   *
   * @throws DmaBufException if the limit on pinned bytes is in the way: names who has pinned most
   */
  void pin(BufferObject object, long bytes) {
    if (!pinned.tryAdd(bytes)) {
      BufInfo plain = slabs.pinnedInfo();
      throw Shortage.pinned(
          object, bytes, pinned, region == null ? plain : region.addPinnedTo(plain));
    }
  }

  // ---- the region ----

  /** How many bytes blocks that aren't in the region can't have. */
  long regionBytes() {
    return region == null ? 0 : region.byteSize();
  }

  /**
   * Takes a block out for a movable buffer that leaves its place: idle, or within the limit, giving
   * other idle ones back for it. Waits for nobody who could wait for a reservation.
   *
   * @param size of the buffer
   * @param alignment of its first byte
   * @return a block that counts as live, or null if there is none
   */
  @Nullable Block takeForMove(long size, long alignment) {
    Wanted wanted = wanted(size, alignment, AllocPolicy.NORMAL);
    Block block = supply.popPatiently(wanted);
    if (block != null) {
      account.poppedUnallocated();
    } else {
      block = supply.commitForMove(wanted);
    }
    if (block != null) {
      account.takenUnallocated(block);
    }
    return block;
  }

  /** Lets no block and no place out any more, or again. */
  void seal(boolean shut) {
    slabs.seal(shut);
    user.seal(shut);
    if (region != null) {
      region.seal(shut);
    }
  }

  /**
   * Gives the region back and closes the store if the pool is sealed and nobody has anything of
   * them.
   */
  void endPartsIfUnused() {
    if (region != null) {
      region.endIfUnused();
    }
    if (swap != null
        && !swap.isAging()
        && slabs.committed() == swap.bytes()
        && slabs.hollow() == 0) {
      swap.end();
      returns.giveBackAll();
    }
  }

  // ---- giving back ----

  /** How many bytes are committed for the region and the store. */
  long ownBytes() {
    return regionBytes() + (swap == null ? 0 : swap.bytes());
  }

  /** How many bytes can be committed within the limit. */
  long freeBytes() {
    return limit - slabs.reserve() - slabs.committed();
  }

  /** The most bytes that one block can have. */
  long mostBytes() {
    return limit - regionBytes() - slabs.reserve();
  }

  /** Memory was committed: whoever reclaims in the background may have to begin. */
  void afterCommit() {
    if (background != null) {
      background.wakeIfLow();
    }
  }

  /** Gives back to the limit what was reserved and not used. */
  void unreserve(long bytes) {
    slabs.unreserve(bytes);
    if (waiters.areWatching()) {
      waiters.wakeFirst();
    }
    lifecycle.afterGivingBack();
  }

  /** Gives everything idle back to the operating system, also what the memory keeps itself. */
  long trim() {
    return returns.giveBackAll() + memory.trim();
  }

  /** Lets the store move on what is old. Called by the timer. */
  void ageStore() {
    if (swap != null) {
      swap.age();
    }
  }

  /** Bytes went back to the limit: they may be what somebody waits for. */
  void afterGivingBack(long bytes) {
    if (bytes > 0) {
      if (waiters.areWatching()) {
        waiters.wakeFirst();
      }
      lifecycle.afterGivingBack();
    }
  }

  /** Nothing is committed any more, and nothing will be. Called once. */
  void endMemory() {
    slabs.empty.unmap();
    memory.close();
  }

  /** What is to be said of the memory in the description of the heap. */
  String memoryState() {
    return memory.state();
  }

  /**
   * Drops what isn't needed, asks those who registered, evicts, as far as the policy allows (design
   * rule SH8).
   *
   * @return how many bytes they gave back, to the magazines or the limit
   */
  long reclaim(long bytes, AllocPolicy policy) {
    PoolShrinker present = shrinker.get();
    if (present != null) {
      return present.scan(bytes, policy);
    }
    // The heap is lost. What was evicted still comes back, and needs the memory of others.
    long purged = lru.purge(bytes);
    return purged >= bytes || policy == AllocPolicy.FAIL_FAST
        ? purged
        : purged + lru.evict(bytes - purged);
  }

  /** Whether another thread has references to buffers, to get their memory. */
  boolean isBeingReclaimed() {
    PoolShrinker present = shrinker.get();
    return present != null && present.isAtWorkElsewhere();
  }

  // ---- figures ----

  /**
   * The buffers that are live or in quarantine.
   *
   * @param patiently whether to wait for locks
   * @return a snapshot, or null if a lock is taken
   */
  @Nullable BufInfo info(boolean patiently) {
    BufInfo plain = slabs.info(patiently);
    return plain == null || region == null ? plain : region.addTo(plain, patiently);
  }

  /** The same, with those over memory of others, which nobody waits for who wants blocks. */
  BufInfo infoOfAll() {
    return user.addTo(Objects.requireNonNull(info(true)));
  }
}
