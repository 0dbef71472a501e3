package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Many threads at one store, each with content of its own that it can tell from any other, while
 * what is stored is moved on at once. Pieces of memory die when they are closed, so a use after
 * that is an exception here.
 */
final class ConcurrencyTest {
  private static final long STRESS_NANOS =
      TimeUnit.SECONDS.toNanos(Long.getLong("dmabuf4j.stress.seconds", 1));
  private static final List<Content> KINDS = List.of(Content.values());
  private static final int WORKERS = 6;
  private static final int LARGEST = 900_000;

  private final TestMemory memory = new TestMemory(24 << 20);
  private final AtomicLong clock = new AtomicLong();
  private final AtomicBoolean stop = new AtomicBoolean();
  private final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
  private final AtomicLong loads = new AtomicLong();
  private final AtomicLong refusals = new AtomicLong();

  /** Something stored, and how to tell it. */
  private record Stored(SwapStore.Ticket ticket, int size, long hash) {}

  private final class Worker implements Runnable {
    private final SlicedStore store;
    private final SplittableRandom random;
    private final List<Stored> stored = new ArrayList<>();

    Worker(SlicedStore store, long seed) {
      this.store = store;
      this.random = new SplittableRandom(seed);
    }

    @Override
    public void run() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment scratch = arena.allocate(LARGEST);
        while (!stop.get()) {
          step(scratch);
        }
        while (!stored.isEmpty()) {
          check(stored.getLast(), scratch);
          store.discard(stored.removeLast().ticket);
        }
      } catch (Throwable e) {
        failures.add(e);
      }
    }

    private void step(MemorySegment scratch) {
      int choice = random.nextInt(10);
      if (stored.isEmpty() || (choice < 4 && stored.size() < 12)) {
        int size = 1 + random.nextInt(LARGEST);
        Content kind = KINDS.get(random.nextInt(KINDS.size()));
        MemorySegment content = kind.fill(scratch.asSlice(0, size), random.nextLong());
        SwapStore.Ticket ticket = store.store(content);
        if (ticket == null) {
          refusals.incrementAndGet();
        } else {
          stored.add(new Stored(ticket, size, Content.hash(content)));
          for (int i = random.nextInt(4); i > 0; i--) {
            check(stored.getLast(), scratch); // while it is being moved on, perhaps
          }
        }
      } else if (choice < 8) {
        check(stored.get(random.nextInt(stored.size())), scratch);
      } else {
        store.discard(stored.remove(random.nextInt(stored.size())).ticket);
      }
    }

    private void check(Stored one, MemorySegment scratch) {
      MemorySegment target = scratch.asSlice(0, one.size);
      store.load(one.ticket, target);
      assertThat(Content.hash(target)).isEqualTo(one.hash);
      loads.incrementAndGet();
    }
  }

  private void age(SlicedStore store) {
    try {
      while (!stop.get()) {
        clock.addAndGet(TimeUnit.SECONDS.toNanos(20));
        store.age();
      }
    } catch (Throwable e) {
      failures.add(e);
    }
  }

  private static void runFor(long nanos, List<Thread> threads, AtomicBoolean stop)
      throws InterruptedException {
    threads.forEach(Thread::start);
    new CountDownLatch(1).await(nanos, TimeUnit.NANOSECONDS);
    stop.set(true);
    for (Thread thread : threads) {
      thread.join();
    }
  }

  @ParameterizedTest
  @EnumSource(Stores.class)
  void manyThreads_eachGetTheirOwnBack_whileAllIsMovedOn(Stores kind) throws InterruptedException {
    try (SlicedStore store = kind.open(memory, clock)) {
      long scratch = memory.live();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < WORKERS; i++) {
        Worker worker = new Worker(store, i);
        threads.add(
            i % 2 == 0
                ? Thread.ofPlatform().unstarted(worker)
                : Thread.ofVirtual().unstarted(worker));
      }
      threads.add(Thread.ofPlatform().unstarted(() -> age(store)));
      threads.add(Thread.ofPlatform().unstarted(() -> age(store)));
      runFor(STRESS_NANOS, threads, stop);
      assertThat(failures).isEmpty();
      assertThat(loads.get()).isPositive();
      assertThat(store.size()).isZero();
      assertThat(memory.live()).isEqualTo(scratch);
      if (store.rooms().getLast() instanceof SwapFile file) {
        assertThat(file.extents().free()).isEqualTo((32 << 20) / 4096);
      }
    }
    assertThat(memory.live()).isZero();
    assertThat(memory.closedTwice()).isZero();
  }

  /** Nothing but stores, loads and discards of the same content: moves come in between often. */
  @ParameterizedTest
  @EnumSource(
      value = Stores.class,
      names = {"LZ4_THEN_ZSTD", "NONE_THEN_ZSTD", "LZ4_THEN_FILE", "LZ4_THEN_ENCRYPTED"})
  void loadsAndDiscards_thatMeetMoves_seeTheContentWhole(Stores kind) throws InterruptedException {
    try (SlicedStore store = kind.open(memory, clock)) {
      long scratch = memory.live();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        int seed = i;
        threads.add(Thread.ofPlatform().unstarted(() -> loadAndDiscard(store, seed)));
      }
      threads.add(Thread.ofPlatform().unstarted(() -> age(store)));
      runFor(STRESS_NANOS, threads, stop);
      assertThat(failures).isEmpty();
      assertThat(loads.get()).isPositive();
      assertThat(memory.live()).isEqualTo(scratch);
    }
    assertThat(memory.closedTwice()).isZero();
  }

  private void loadAndDiscard(SlicedStore store, long seed) {
    try (Arena arena = Arena.ofConfined()) {
      SplittableRandom random = new SplittableRandom(seed);
      MemorySegment content = Content.PICTURE.fill(arena.allocate(200_000), seed);
      MemorySegment back = arena.allocate(200_000);
      while (!stop.get()) {
        SwapStore.Ticket ticket = store.store(content);
        assertThat(ticket).isNotNull();
        for (int i = random.nextInt(12); i > 0; i--) {
          store.load(ticket, back);
          assertThat(back.mismatch(content)).isEqualTo(-1);
          loads.incrementAndGet();
        }
        store.discard(ticket);
      }
    } catch (Throwable e) {
      failures.add(e);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Stores.class,
      names = {"FILE", "ENCRYPTED", "LZ4", "LZ4_THEN_FILE"})
  void interrupts_endNothingAndStayPending(Stores kind) throws InterruptedException {
    try (SlicedStore store = kind.open(memory, clock)) {
      List<Thread> workers = new ArrayList<>();
      for (int i = 0; i < WORKERS; i++) {
        Worker worker = new Worker(store, i);
        workers.add(
            i % 2 == 0
                ? Thread.ofPlatform().unstarted(worker)
                : Thread.ofVirtual().unstarted(worker));
      }
      List<Thread> threads = new ArrayList<>(workers);
      threads.add(Thread.ofPlatform().unstarted(() -> age(store)));
      threads.add(Thread.ofPlatform().unstarted(() -> interrupt(workers)));
      runFor(STRESS_NANOS, threads, stop);
      assertThat(failures).isEmpty();
      assertThat(loads.get()).isPositive();

      Thread.currentThread().interrupt();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment content = Content.PICTURE.fill(arena.allocate(LARGEST), 1);
        SwapStore.Ticket ticket = store.store(content);
        MemorySegment back = arena.allocate(LARGEST);
        store.load(ticket, back);
        assertThat(back.mismatch(content)).isEqualTo(-1);
        store.discard(ticket);
      } finally {
        assertThat(Thread.interrupted()).isTrue();
      }
    }
    assertThat(memory.live()).isZero();
  }

  private void interrupt(List<Thread> workers) {
    while (!stop.get()) {
      workers.forEach(Thread::interrupt);
    }
  }

  @ParameterizedTest
  @EnumSource(Stores.class)
  void closeWhileOthersAreAtIt_isAnExceptionForThem_andGivesAllBack(Stores kind)
      throws InterruptedException {
    for (int round = 0; round < 8; round++) {
      SlicedStore store = kind.open(memory, clock);
      CountDownLatch begun = new CountDownLatch(WORKERS);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < WORKERS; i++) {
        Worker worker = new Worker(store, 100L * round + i);
        threads.add(Thread.ofPlatform().start(() -> untilClosed(worker, begun)));
      }
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    while (begun.getCount() > 0 || !stop.get()) {
                      store.age();
                      clock.addAndGet(TimeUnit.SECONDS.toNanos(20));
                    }
                  }));
      begun.await();
      store.close();
      assertThat(memory.live()).as("given back by the time the close returns").isZero();
      stop.set(true);
      for (Thread thread : threads) {
        thread.join();
      }
      stop.set(false);
      assertThat(failures).isEmpty();
      assertThat(memory.live()).isZero();
      assertThat(memory.closedTwice()).isZero();
    }
  }

  private void untilClosed(Worker worker, CountDownLatch begun) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment scratch = arena.allocate(LARGEST);
      for (int i = 0; ; i++) {
        if (i == 3) {
          begun.countDown();
        }
        worker.step(scratch);
      }
    } catch (IllegalStateException e) {
      if (!e.getMessage().endsWith("is closed")) {
        failures.add(e);
      }
      worker.stored.forEach(one -> worker.store.discard(one.ticket)); // late, and nothing happens
    } catch (Throwable e) {
      failures.add(e);
    }
  }

  @Test
  void closedStore_refusesAllButDiscardAndClose() {
    SlicedStore store = Stores.LZ4_THEN_FILE.open(memory, clock);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment content = Content.TEXT.fill(arena.allocate(20_000), 1);
      SwapStore.Ticket ticket = store.store(content);
      store.close();
      assertThat(memory.live()).isZero();
      assertThatIllegalStateException()
          .isThrownBy(() -> store.load(ticket, content))
          .withMessage("the swap store compressed (lz4) is closed");
      assertThatIllegalStateException().isThrownBy(() -> store.store(content));
      store.discard(ticket);
      store.age();
      store.close();
    }
  }
}
