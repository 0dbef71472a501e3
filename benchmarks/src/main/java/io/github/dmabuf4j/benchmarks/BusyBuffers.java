package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AcquireContext;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Reservation;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * 100,000 small buffers of a heap that evicts, of which none can be: the reservation of each is
 * locked by another thread, and it may be held as well.
 */
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // by JMH
public class BusyBuffers {
  private static final int BYTES = 4096;

  /** What a scan sees first of what keeps them busy. */
  @Param({"held", "locked"})
  public String busy;

  /** How many; a test may want fewer. */
  int count = 100_000;

  private final List<DmaBuf> buffers = new ArrayList<>();
  private final List<Hold> holds = new ArrayList<>();
  private final CompletableFuture<@Nullable Void> locked = new CompletableFuture<>();
  private final CountDownLatch ended = new CountDownLatch(1);
  private Reservation[] reservations;
  private Thread owner;
  private Heap heap;

  /**
   * Allocates them, and makes them busy.
   *
   * @throws InterruptedException if it is interrupted
   */
  @Setup(Level.Trial)
  public void open() throws InterruptedException {
    heap =
        Heaps.open(
            "offheap:system?limit=1GiB&decay=1h&pressure=ignore&low-watermark=0&high-watermark=0"
                + "&swap=compressed");
    AllocationRequest request = AllocationRequest.of(BYTES).uninitialized().build();
    reservations = new Reservation[count];
    for (int i = 0; i < count; i++) {
      DmaBuf buffer = heap.allocate(request);
      buffers.add(buffer);
      reservations[i] = buffer.reservation();
      if (busy.equals("held")) {
        holds.add(buffer.hold(ArenaKind.POOL));
      }
    }
    owner = Thread.ofPlatform().daemon().start(this::lock);
    locked.join();
  }

  private void lock() {
    try (AcquireContext _ = AcquireContext.lockAll(reservations)) {
      locked.complete(null);
      ended.await();
    } catch (InterruptedException | RuntimeException e) {
      locked.completeExceptionally(e);
    }
  }

  /** Asks for all of them. */
  long scan() {
    long given = heap.shrinker().reclaim((long) count * BYTES, AllocPolicy.NORMAL);
    if (given != 0) {
      throw new IllegalStateException("wanted nothing, got %d B".formatted(given));
    }
    return given;
  }

  /** Tries all reservations. */
  int tryAll() {
    int taken = 0;
    for (Reservation one : reservations) {
      taken += one.tryLock() ? 1 : 0;
    }
    if (taken != 0) {
      throw new IllegalStateException("wanted none, got %d locks".formatted(taken));
    }
    return taken;
  }

  /** Goes to each buffer for its reservation, and tries that. */
  int tryEach() {
    int taken = 0;
    for (DmaBuf buffer : buffers) {
      taken += buffer.reservation().tryLock() ? 1 : 0;
    }
    if (taken != 0) {
      throw new IllegalStateException("wanted none, got %d locks".formatted(taken));
    }
    return taken;
  }

  /**
   * Closes the heap; fails if something is left.
   *
   * @throws InterruptedException if it is interrupted
   */
  @TearDown(Level.Trial)
  public void close() throws InterruptedException {
    ended.countDown();
    owner.join();
    holds.forEach(Hold::close);
    buffers.forEach(DmaBuf::close);
    holds.clear();
    buffers.clear();
    heap.close();
  }
}
