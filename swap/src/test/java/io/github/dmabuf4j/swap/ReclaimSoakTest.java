package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.ReclaimStatistics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two threads with ten times as many bytes in buffers as the heap may have, who use, advise, pin,
 * fence, close and exchange them while the store fails at times: each access sees what was written
 * last, and the limit holds. The property {@code dmabuf4j.stress.seconds} says how long; 300
 * seconds are some millions of accesses.
 */
@Timeout(value = 2, unit = TimeUnit.HOURS)
final class ReclaimSoakTest {
  private static final double SECONDS =
      Double.parseDouble(System.getProperty("dmabuf4j.stress.seconds", "2"));
  private static final long LIMIT = 16 << 20;
  private static final int TIMES = 10;

  private final Logger reclaim = Logger.getLogger(BufferLru.class.getName());

  @BeforeEach
  void silence() {
    reclaim.setLevel(Level.OFF); // it warns of stores that fail
  }

  @AfterEach
  void speak() {
    reclaim.setLevel(null);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "swap=faulty&swap-second=none",
        "swap=faulty&swap-second=file&swap-second-limit=256MiB&swap-age=500ms"
      })
  void tenTimesTheLimit_isThere_andNothingIsWrong(String swap) throws Exception {
    long failedBefore = FaultyStoreProvider.FAILED.get();
    Heap heap = Heaps.open("offheap:system?limit=%d&%s&decay=100ms".formatted(LIMIT, swap));
    ReclaimSoakWorker.Account account = new ReclaimSoakWorker.Account();
    soak(heap, account);
    ReclaimStatistics reclaimed = heap.shrinker().statistics();
    System.out.println(account + " " + reclaimed + " " + heap.statistics());
    assertThat(heap.statistics().liveBuffers()).as("leaks").isZero();
    assertThat(heap.statistics().pinnedBytes()).isZero();
    assertThat(heap.statistics().peakCommittedBytes()).isLessThanOrEqualTo(LIMIT);
    assertThat(reclaimed.evictions()).as("evictions").isPositive();
    assertThat(reclaimed.purges()).as("purges").isPositive();
    assertThat(reclaimed.refaults()).as("refaults").isPositive();
    assertThat(FaultyStoreProvider.FAILED.get()).as("faults").isGreaterThan(failedBefore);
    assertThat(FaultyStoreProvider.OPEN_TICKETS).as("content nobody discarded").hasValue(0);
    account.assertEverythingHappened();
    assertThat(heap.drain(Duration.ofSeconds(30))).isTrue();
    assertThat(heap.statistics().committedBytes()).isZero();
  }

  private static void soak(Heap heap, ReclaimSoakWorker.Account account)
      throws InterruptedException, ExecutionException {
    long end = System.nanoTime() + (long) (SECONDS * 1e9);
    List<ReclaimSoakWorker.Slot> slots = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      List<Future<?>> running = new ArrayList<>();
      long bytes = 0;
      while (bytes < TIMES * LIMIT) {
        ReclaimSoakWorker.Slot slot = new ReclaimSoakWorker.Slot(slots.size());
        slots.add(slot);
        bytes += slot.size();
      }
      for (int i = 0; i < 2; i++) {
        int seed = i;
        running.add(
            threads.submit(
                () -> {
                  new ReclaimSoakWorker(heap, slots, account, seed).work(end);
                  return null;
                }));
      }
      for (Future<?> one : running) {
        one.get();
      }
    }
    slots.forEach(ReclaimSoakWorker.Slot::end);
  }
}
