package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.spi.Exporter;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A heap over exporters of this package: simple, exact, and slow. Released exporters are kept and
 * used again, as a pool's blocks are, so that mistakes of pooling can show.
 *
 * <p><b>Invariant.</b> An exporter is in {@code live} from just before it is exported until its
 * release, in {@code idle} from then until it is taken out again, and nowhere else; but one that
 * has given its memory up is in {@code without} as well, and never becomes idle. {@code committed}
 * is the bytes of those that have memory, and never above the limit. All of it is guarded by {@code
 * lock}, under which nothing of a buffer is called.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public class KitHeap implements Heap {
  /** Makes the exporters of a heap. */
  @FunctionalInterface
  interface Factory {
    PlainExporter create(KitHeap heap, long bytes, @Nullable Reservation shared);
  }

  /** How many bytes of idle mappings are kept. */
  private static final long IDLE_MAPPINGS = 256 << 10;

  private final String name;
  private final long limit;
  private final UnaryOperator<Exporter> around;
  private final Factory factory;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition released = lock.newCondition();
  final Set<PlainExporter> live = new LinkedHashSet<>();
  final Deque<PlainExporter> idle = new ArrayDeque<>();
  private final Set<PlainExporter> without = new HashSet<>();
  private final IdleMappings idleMappings = new IdleMappings(IDLE_MAPPINGS);
  private long committed;
  private long peak;
  private long allocations;
  private long poolHits;
  private boolean closed;

  KitHeap(String name, long limit, UnaryOperator<Exporter> around, Factory factory) {
    this.name = name;
    this.limit = limit;
    this.around = Objects.requireNonNull(around, "around");
    this.factory = factory;
  }

  UnaryOperator<Exporter> around() {
    return around;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long limitBytes() {
    return limit;
  }

  // ---- allocation ----

  @Override
  public DmaBuf allocate(long size) {
    return allocateUninterruptibly(AllocationRequest.of(size).build());
  }

  @Override
  public DmaBuf allocate(AllocationRequest request) throws InterruptedException {
    return allocate(request, null);
  }

  /**
   * Allocates a buffer whose reservation is shared with others (rule CB2).
   *
   * @param size bytes, at least 1
   * @param shared the reservation of them all
   * @return the first handle of a new buffer
   */
  public DmaBuf allocate(long size, Reservation shared) {
    try {
      return allocate(AllocationRequest.of(size).build(), Objects.requireNonNull(shared));
    } catch (InterruptedException e) {
      throw new AssertionError("the policy NORMAL doesn't wait", e);
    }
  }

  private DmaBuf allocate(AllocationRequest request, @Nullable Reservation shared)
      throws InterruptedException {
    return export(take(request, 1, shared), request).getFirst();
  }

  @Override
  public List<DmaBuf> allocateBulk(AllocationRequest request, int count)
      throws InterruptedException {
    if (count < 1) {
      throw new IllegalArgumentException("wanted at least 1 buffer, got " + count);
    }
    return export(take(request, count, null), request);
  }

  private List<DmaBuf> export(List<PlainExporter> exporters, AllocationRequest request) {
    List<DmaBuf> buffers = new ArrayList<>();
    try {
      for (PlainExporter exporter : exporters) {
        exporter.prepare(request.content() == AllocationRequest.Content.ZEROED);
        buffers.add(
            exporter.object.export(
                request.size(), request.name().orElse(null), request.layout().orElse(null)));
      }
      return buffers;
    } catch (RuntimeException | Error e) {
      exporters.subList(buffers.size(), exporters.size()).forEach(this::released);
      buffers.forEach(DmaBuf::close);
      throw e;
    }
  }

  /** As many exporters as there are, at least one; all of them with the policy NO_FAIL. */
  private List<PlainExporter> take(
      AllocationRequest request, int count, @Nullable Reservation shared)
      throws InterruptedException {
    if (request.policy() != AllocPolicy.NOWAIT) {
      Lockdep.mayReclaim("allocating from " + name);
    }
    long bytes = Math.ceilDiv(request.size(), PlainExporter.PAGE) * PlainExporter.PAGE;
    if (request.policy().compareTo(AllocPolicy.NORMAL) >= 0) {
      makeRoom(bytes * count);
    }
    boolean all = request.policy() == AllocPolicy.NO_FAIL;
    long nanos = patience(request.policy());
    lock.lockInterruptibly();
    try {
      while (true) {
        checkOpen();
        List<PlainExporter> taken = tryTake(bytes, request.alignment(), count, shared);
        if (taken.size() == count || (nanos <= 0 && !all && !taken.isEmpty())) {
          allocations += taken.size();
          live.addAll(taken);
          return taken;
        }
        taken.forEach(idle::addFirst); // whoever waits holds nothing
        if (nanos <= 0 || bytes > limit || (all && bytes * count > limit)) {
          throw outOfBuffers(request);
        }
        nanos = released.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }

  private static long patience(AllocPolicy policy) {
    return switch (policy) {
      case NO_FAIL -> Long.MAX_VALUE;
      case TRY_HARD -> TimeUnit.MILLISECONDS.toNanos(50);
      case NOWAIT, FAIL_FAST, NORMAL -> 0;
    };
  }

  /** Up to a number of exporters. Lock held. */
  private List<PlainExporter> tryTake(
      long bytes, long alignment, int count, @Nullable Reservation shared) {
    List<PlainExporter> taken = new ArrayList<>();
    PlainExporter one = tryTake(bytes, alignment, shared);
    while (one != null) {
      taken.add(one);
      one = taken.size() == count ? null : tryTake(bytes, alignment, shared);
    }
    return taken;
  }

  /** An idle exporter, or a new one if the limit allows. Lock held. */
  private @Nullable PlainExporter tryTake(
      long bytes, long alignment, @Nullable Reservation shared) {
    if (shared == null) {
      for (PlainExporter one : idle) {
        if (one.bytes == bytes && one.suits(alignment)) {
          idle.remove(one);
          poolHits++;
          return one;
        }
      }
    }
    if (committed + bytes > limit) {
      dropIdle();
    }
    if (committed + bytes > limit) {
      return null;
    }
    PlainExporter fresh = factory.create(this, bytes, shared);
    committed += bytes;
    peak = Math.max(peak, committed);
    return fresh;
  }

  /** Lock held. */
  void checkOpen() {
    if (closed) {
      throw new IllegalStateException(name + " is closed: open another heap to allocate from");
    }
  }

  private OutOfBuffersException outOfBuffers(AllocationRequest request) {
    return new OutOfBuffersException(
        request.size(),
        committed,
        limit,
        "wanted %s of %s, which has committed %d B of %d B to %d buffers: close some, or open a larger heap"
            .formatted(request, name, committed, limit, live.size()));
  }

  @Override
  public DmaBuf allocateUninterruptibly(AllocationRequest request) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return allocate(request);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public CompletableFuture<DmaBuf> allocateAsync(AllocationRequest request) {
    return WaitingAllocation.begin(this, request);
  }

  // ---- memory that is given up, and taken again ----

  /** Gives up buffers of others, so that there is room. Does nothing where nobody can. */
  void makeRoom(long bytes) {}

  /** How much has to be given up for something to fit. */
  final long missing(long wanted) {
    lock.lock();
    try {
      if (committed + wanted > limit) {
        dropIdle();
      }
      return Math.max(0, committed + wanted - limit);
    } finally {
      lock.unlock();
    }
  }

  /** The buffer lives, but not in memory. */
  final void gaveUp(PlainExporter exporter) {
    lock.lock();
    try {
      if (without.add(exporter)) {
        committed -= exporter.bytes;
        released.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** It needs memory again. */
  final void takeBack(PlainExporter exporter) {
    makeRoom(exporter.bytes);
    lock.lock();
    try {
      if (committed + exporter.bytes > limit) {
        throw outOfBuffers(AllocationRequest.of(exporter.bytes).build());
      }
      if (without.remove(exporter)) {
        committed += exporter.bytes;
        peak = Math.max(peak, committed);
      }
    } finally {
      lock.unlock();
    }
  }

  // ---- giving back ----

  /** A release: the memory is the heap's again. May run on a thread that signals a fence. */
  void released(PlainExporter exporter) {
    lock.lock();
    try {
      live.remove(exporter);
      if (!without.remove(exporter)) {
        idle.addFirst(exporter); // found first: mistakes of reuse show at once
      }
      released.signalAll();
      if (closed && live.isEmpty()) {
        dropIdle();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Lock held. */
  private long dropIdle() {
    long dropped = 0;
    while (!idle.isEmpty()) {
      PlainExporter one = idle.removeFirst();
      one.dispose();
      dropped += one.bytes;
    }
    committed -= dropped;
    return dropped;
  }

  @Override
  public long trim() {
    lock.lock();
    try {
      return dropIdle();
    } finally {
      lock.unlock();
    }
  }

  /**
   * The cache of idle mappings, for exporters that have one.
   *
   * @return the same at each call
   */
  public IdleMappings idleMappings() {
    return idleMappings;
  }

  // ---- figures ----

  /**
   * The exporters whose buffers are live or in quarantine.
   *
   * @return a copy, in the order of allocation
   */
  public List<PlainExporter> exporters() {
    lock.lock();
    try {
      return List.copyOf(live);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Calls something with each exporter of a kind whose buffer is live or in quarantine.
   *
   * @param <E> the kind
   * @param kind the kind
   * @param action what to do
   */
  public <E> void forEach(Class<E> kind, Consumer<? super E> action) {
    exporters().stream().filter(kind::isInstance).map(kind::cast).forEach(action);
  }

  @Override
  public HeapStatistics statistics() {
    long pinned =
        exporters().stream()
            .filter(exporter -> exporter.object.info().pins() > 0)
            .mapToLong(exporter -> exporter.bytes)
            .sum();
    lock.lock();
    try {
      long liveBytes =
          live.stream()
              .filter(exporter -> !without.contains(exporter))
              .mapToLong(exporter -> exporter.bytes)
              .sum();
      return new HeapStatistics(
          limit,
          committed,
          peak,
          liveBytes,
          live.size(),
          committed - liveBytes,
          0,
          pinned,
          limit,
          allocations,
          poolHits);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public BufInfo info() {
    return new BufInfo(
        name,
        exporters().stream()
            .map(PlainExporter::object)
            .filter(BufferObject::isReferenced)
            .map(BufferObject::info)
            .toList());
  }

  // ---- the end ----

  @Override
  public boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      if (!live.isEmpty()) {
        throw new IllegalStateException(
            "%s has %d live buffers, close them first or call drain(): %s"
                .formatted(name, live.size(), live.stream().map(one -> one.object).toList()));
      }
      closed = true;
      dropIdle();
      released.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean drain(Duration timeout) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      closed = true;
      released.signalAll();
      long nanos = Math.max(0, TimeUnit.NANOSECONDS.convert(timeout));
      while (!live.isEmpty() && nanos > 0) {
        nanos = released.awaitNanos(nanos);
      }
      if (live.isEmpty()) {
        dropIdle();
      }
      return live.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String toString() {
    return "%s, limit %d B, %s".formatted(name, limit, statistics());
  }
}
