package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.RegionStatistics;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * The figures of a {@link Pool}. Hardly any is kept: most are derived from what the magazines, the
 * slabs, the region and the store count anyway. What is counted here is what those can't know:
 * blocks of no class, and blocks that went to a buffer which isn't a new one.
 *
 * <p><b>Threads.</b> Any; each figure is right, but not all at the same instant.
 */
final class PoolAccount {
  private final Pool pool;

  /** Live blocks of no class. */
  private final AtomicLong unpooledLive = new AtomicLong();

  private final AtomicLong unpooledLiveBytes = new AtomicLong();

  /**
   * How many blocks were taken out without an allocation: for buffers that were moved, or came
   * back, or for the store; less those of buffers that went straight back to a slab.
   */
  private final LongAdder takenUnallocated = new LongAdder();

  /** How many of them came from magazines. */
  private final LongAdder poppedUnallocated = new LongAdder();

  PoolAccount(Pool pool) {
    this.pool = pool;
  }

  /** Counts a block as live; those of a class are counted where they are taken out. */
  void live(Block block) {
    if (!block.isPooled()) {
      unpooledLive.incrementAndGet();
      unpooledLiveBytes.addAndGet(block.bytes());
    }
  }

  /** A block of no class is no longer live. */
  void unpooledEnded(Block block) {
    unpooledLive.decrementAndGet();
    unpooledLiveBytes.addAndGet(-block.bytes());
  }

  /** A block was taken from a magazine that isn't for a new buffer. */
  void poppedUnallocated() {
    poppedUnallocated.increment();
  }

  /** A block was taken out that isn't for a new buffer. */
  void takenUnallocated(Block block) {
    takenUnallocated.increment();
    live(block);
  }

  /** A live block went straight back to a slab. */
  void liveGivenBack(Block block) {
    if (block.isPooled()) {
      takenUnallocated.decrement();
    } else {
      unpooledEnded(block);
    }
  }

  /**
   * What can be read without waiting for anybody: limit and commitment, all of it taken as live.
   */
  HeapStatistics limits() {
    long committed = pool.slabs.committed();
    return new HeapStatistics(
        pool.limit,
        committed,
        pool.slabs.peak(),
        committed,
        0,
        0,
        0,
        pool.pinned.now(),
        pool.pinned.limit,
        0,
        0);
  }

  HeapStatistics statistics() {
    long hits = pool.magazines.hits();
    long[] commits = pool.slabs.commits();
    long live = unpooledLive.get();
    long liveBytes = unpooledLiveBytes.get();
    long allocations = hits + pool.slabs.unpooledCommits() - takenUnallocated.sum();
    for (int i = 0; i < commits.length; i++) {
      allocations += commits[i];
      long liveOfClass = Math.max(0, commits[i] + pool.magazines.taken(i));
      live += liveOfClass;
      liveBytes += liveOfClass * SizeClasses.bytes(i);
    }
    if (pool.region != null) {
      RegionStatistics inRegion = pool.region.statistics();
      allocations += inRegion.allocations();
      live += inRegion.movableBuffers() + inRegion.contiguousBuffers();
      liveBytes += inRegion.movableBytes() + inRegion.contiguousBytes();
    }
    long stored = pool.swap == null ? 0 : pool.swap.bytes();
    long storedBlocks = pool.swap == null ? 0 : pool.swap.count();
    liveBytes = Math.max(0, liveBytes - stored);
    long committed = pool.slabs.committed();
    return new HeapStatistics(
        pool.limit,
        committed,
        pool.slabs.peak(),
        Math.min(liveBytes, committed),
        Math.max(0, live - storedBlocks) + pool.slabs.hollow() + pool.user.count(),
        Math.max(0, committed - liveBytes - stored),
        stored,
        pool.pinned.now(),
        pool.pinned.limit,
        allocations,
        Math.max(0, hits - poppedUnallocated.sum()));
  }
}
