package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.ContiguousRegion;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Shrinker;
import io.github.dmabuf4j.UserMemory;
import io.github.dmabuf4j.offheap.pressure.PressureWatch;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What users have of a {@link Pool}. A thin front, so that a heap that was forgotten can be noticed
 * while its buffers live: its pool is then drained, as if by {@link #drain}, and a warning says so.
 *
 * <p><b>Threads.</b> As {@link Heap}; there is no state here. Each method keeps the heap reachable
 * until it is done with the pool.
 */
final class PooledHeap implements Heap {
  private static final System.Logger LOG = System.getLogger(PooledHeap.class.getName());
  private static final Cleaner CLEANER =
      Cleaner.create(
          Thread.ofPlatform()
              .name("dmabuf4j-lost-heaps")
              .daemon()
              .inheritInheritableThreadLocals(false)
              .factory());

  /** Of the contiguous region: that of a huge page, so that it can be made of such. */
  private static final long REGION_ALIGNMENT = 2L << 20;

  final Pool pool;
  private final Optional<ContiguousRegion> region;
  private final Optional<UserMemory> user;
  private final PoolShrinker shrinker;

  private PooledHeap(Pool pool) {
    this.pool = pool;
    this.region =
        Optional.ofNullable(pool.region).map(reserved -> new PooledRegion(this, reserved));
    this.user = pool.user.limit == 0 ? Optional.empty() : Optional.of(new PooledUserMemory(this));
    this.shrinker = new PoolShrinker(pool);
    pool.shrinker = new WeakReference<>(shrinker);
  }

  /** Opens a heap. */
  static PooledHeap open(String name, HeapOptions options, SlabMemory memory) {
    int stripes = stripesFor(Runtime.getRuntime().availableProcessors());
    SlabMemory.Region reserved = reserve(name, options.contiguous(), memory);
    Pool pool =
        new Pool(
            name, options.limit(), options.pinned(), options.user(), memory, stripes, reserved);
    openStore(pool, options.swap());
    if (options.swap() != null) {
      Decay.beginAging(pool);
    }
    if (options.watermarks().low() > 0) {
      pool.background = new BackgroundReclaim(pool, options.watermarks());
    }
    Decay.begin(pool, options.retention());
    RetainedBytes.OF_THIS_PROCESS.add(pool);
    PooledHeap heap = new PooledHeap(pool);
    CLEANER.register(heap, () -> lost(pool));
    if (options.heedsPressure()) {
      PressureWatch.OF_THIS_PROCESS.add(new PressureReclaim(pool, memory.isDirectMemory()));
    }
    return heap;
  }

  private static void openStore(Pool pool, HeapOptions.@Nullable Swap swap) {
    if (swap == null) {
      return;
    }
    boolean done = false;
    try {
      pool.openStore(memory -> SwapStores.open(swap.store(), swap.options(), memory));
      done = true;
    } finally {
      if (!done) {
        pool.lifecycle.close(); // the region goes back
      }
    }
  }

  /** Maps the contiguous region, if there is to be one. */
  private static SlabMemory.@Nullable Region reserve(String name, long bytes, SlabMemory memory) {
    if (bytes == 0) {
      return null;
    }
    try {
      return memory.map(bytes, Math.min(REGION_ALIGNMENT, memory.maxAlignment()), false);
    } catch (SlabMemoryException e) {
      throw new HeapUnavailableException(
          "%s has no memory for a contiguous region of %d B: %s"
              .formatted(name, bytes, e.getMessage()));
    }
  }

  private static int stripesFor(int processors) {
    return Math.max(2, Integer.highestOneBit(2 * processors - 1));
  }

  private static void lost(Pool pool) {
    if (!pool.lifecycle.hasEnded()) {
      LOG.log(
          Level.WARNING,
          "{0} was lost without close(), with {1} live buffers; its memory goes back when they are"
              + " closed",
          pool.name,
          pool.account.statistics().liveBuffers());
      pool.lifecycle.beginDraining();
    }
  }

  @Override
  public String name() {
    return pool.name;
  }

  @Override
  public long limitBytes() {
    return pool.limit;
  }

  // ---- allocation ----

  @Override
  public DmaBuf allocate(long size) {
    return allocateUninterruptibly(AllocationRequest.of(size).build());
  }

  @Override
  public DmaBuf allocate(AllocationRequest request) throws InterruptedException {
    try {
      return pool.allocate(request, request.policy(), true);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public DmaBuf allocateUninterruptibly(AllocationRequest request) {
    try {
      return pool.allocate(request, request.policy(), false);
    } catch (InterruptedException e) {
      throw new AssertionError("an uninterruptible wait was interrupted", e);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public CompletableFuture<DmaBuf> allocateAsync(AllocationRequest request) {
    Objects.requireNonNull(request, "request");
    try {
      DmaBuf now = pool.tryAllocate(request);
      return now != null
          ? CompletableFuture.completedFuture(now)
          : LaterAllocation.begin(this, request);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public List<DmaBuf> allocateBulk(AllocationRequest request, int count)
      throws InterruptedException {
    if (count < 1) {
      throw new IllegalArgumentException("wanted at least 1 buffer, got " + count);
    }
    try {
      return pool.allocateBulk(request, count);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public Optional<ContiguousRegion> contiguousRegion() {
    return region;
  }

  @Override
  public Optional<UserMemory> userMemory() {
    return user;
  }

  // ---- giving back ----

  @Override
  public Shrinker shrinker() {
    return shrinker;
  }

  @Override
  public long trim() {
    try {
      return pool.trim();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  // ---- figures ----

  @Override
  public HeapStatistics statistics() {
    return pool.account.statistics();
  }

  @Override
  public BufInfo info() {
    return pool.infoOfAll();
  }

  // ---- the end ----

  @Override
  public boolean isClosed() {
    return pool.lifecycle.hasEnded();
  }

  @Override
  public void close() {
    try {
      pool.lifecycle.close();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public boolean drain(Duration timeout) throws InterruptedException {
    long nanos = TimeUnit.NANOSECONDS.convert(timeout); // what can't be counted never ends
    try {
      return pool.lifecycle.drain(Math.max(0, nanos));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public String toString() {
    HeapStatistics now = statistics();
    return "%s, limit %d B, committed %d B, %d live buffers%s%s"
        .formatted(
            pool.name,
            pool.limit,
            now.committedBytes(),
            now.liveBuffers(),
            isClosed() ? ", closed" : "",
            pool.memoryState());
  }
}
