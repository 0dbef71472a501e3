package io.github.dmabuf4j.device;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Shrinker;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * What users have of a {@link FilePool}. A thin front, so that a heap that was forgotten can be
 * noticed while its buffers live: its pool is then drained, and a warning says so.
 *
 * <p><b>Threads.</b> As {@link Heap}; there is no state here. Each method keeps the heap reachable
 * until it is done with the pool.
 */
final class DeviceHeap implements Heap {
  private static final System.Logger LOG = System.getLogger(DeviceHeap.class.getName());
  private static final Cleaner CLEANER =
      Cleaner.create(
          Thread.ofPlatform()
              .name("dmabuf4j-lost-device-heaps")
              .daemon()
              .inheritInheritableThreadLocals(false)
              .factory());

  final FilePool pool;

  private DeviceHeap(FilePool pool) {
    this.pool = pool;
  }

  /**
   * Opens a heap.
   *
   * @param files where its buffers' files come from; closed with the heap
   * @param options its limits
   * @return a new heap
   */
  static DeviceHeap open(BufferFiles files, DeviceOptions options) {
    FilePool pool = new FilePool(files, options);
    DeviceHeap heap = new DeviceHeap(pool);
    DeviceTimer.begin(pool, options.decay());
    CLEANER.register(heap, () -> lost(pool));
    return heap;
  }

  private static void lost(FilePool pool) {
    if (pool.hasEnded()) {
      return;
    }
    try {
      LOG.log(
          Level.WARNING,
          "{0} was lost without close(), with {1} live buffers; its memory goes back when they are"
              + " closed",
          pool.name,
          pool.statistics().liveBuffers());
    } finally {
      pool.beginDraining();
    }
  }

  @Override
  public String name() {
    return pool.name;
  }

  @Override
  public long limitBytes() {
    return pool.options.limit();
  }

  // ---- allocation ----

  @Override
  public DmaBuf allocate(long size) {
    return allocateUninterruptibly(AllocationRequest.of(size).build());
  }

  @Override
  public DmaBuf allocate(AllocationRequest request) throws InterruptedException {
    return allocate(request, true);
  }

  @Override
  public DmaBuf allocateUninterruptibly(AllocationRequest request) {
    try {
      return allocate(request, false);
    } catch (InterruptedException e) {
      throw new AssertionError("an uninterruptible wait was interrupted", e);
    }
  }

  private DmaBuf allocate(AllocationRequest request, boolean interruptibly)
      throws InterruptedException {
    try {
      return pool.supply.allocate(request, interruptibly);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  private Wanted wanted(AllocationRequest request, int count, AllocPolicy policy) {
    return Wanted.of(request, count, policy, pool.pageSize);
  }

  @Override
  public CompletableFuture<DmaBuf> allocateAsync(AllocationRequest request) {
    Objects.requireNonNull(request, "request");
    try {
      Wanted wanted = wanted(request, 1, AllocPolicy.NO_FAIL);
      pool.supply.begin(wanted);
      if (pool.supply.turns.isEmpty()) {
        Wanted now = wanted(request, 1, AllocPolicy.NOWAIT);
        List<DmaBuf> buffers = pool.supply.allocate(now, false);
        if (!buffers.isEmpty()) {
          return CompletableFuture.completedFuture(buffers.getFirst());
        }
      }
      return LaterAllocation.begin(this, wanted);
    } catch (InterruptedException e) {
      throw new AssertionError("the policy NOWAIT doesn't wait", e);
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
      return pool.supply.allocate(wanted(request, count, request.policy()), true);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  // ---- giving back ----

  @Override
  public Shrinker shrinker() {
    return pool.shrinker;
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
    return pool.statistics();
  }

  @Override
  public BufInfo info() {
    return pool.info();
  }

  // ---- the end ----

  @Override
  public boolean isClosed() {
    return pool.hasEnded();
  }

  @Override
  public void close() {
    try {
      pool.close();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public boolean drain(Duration timeout) throws InterruptedException {
    long nanos = TimeUnit.NANOSECONDS.convert(timeout); // what can't be counted never ends
    try {
      return pool.drain(Math.max(0, nanos));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public String toString() {
    HeapStatistics now = statistics();
    return "%s, limit %d B, committed %d B, %d live buffers%s"
        .formatted(
            pool.name,
            now.limitBytes(),
            now.committedBytes(),
            now.liveBuffers(),
            isClosed() ? ", closed" : "");
  }
}
