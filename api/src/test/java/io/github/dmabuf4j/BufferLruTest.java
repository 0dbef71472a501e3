package io.github.dmabuf4j;

import static io.github.dmabuf4j.Evictions.advise;
import static io.github.dmabuf4j.Evictions.assertFilled;
import static io.github.dmabuf4j.Evictions.fill;
import static io.github.dmabuf4j.Evictions.locked;
import static io.github.dmabuf4j.Evictions.publish;
import static io.github.dmabuf4j.Evictions.residency;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.TestExporter.Call;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Which buffers a scan takes, in which order, and when it ends: SH1, SH3, SH6, CG7 to CG11. */
final class BufferLruTest {
  private static final long SIZE = TestExporter.SIZE;
  private static final long ALL = Long.MAX_VALUE;

  private final TestStore store = new TestStore();
  private final BufferLru lru = new BufferLru(store);
  private final List<EvictableExporter> exporters = new ArrayList<>();
  private final List<DmaBuf> buffers = new ArrayList<>();

  private DmaBuf allocate() {
    EvictableExporter exporter = new EvictableExporter(lru);
    DmaBuf buffer = exporter.export();
    exporters.add(exporter);
    buffers.add(buffer);
    return buffer;
  }

  private void allocate(int count) {
    for (int i = 0; i < count; i++) {
      fill(allocate(), i);
    }
  }

  /** The numbers of those that are in the store. */
  private List<Integer> evicted() {
    List<Integer> numbers = new ArrayList<>();
    for (int i = 0; i < buffers.size(); i++) {
      if (residency(buffers.get(i)) == Residency.EVICTED) {
        numbers.add(i);
      }
    }
    return numbers;
  }

  @AfterEach
  void nothingIsLeft() {
    for (int i = 0; i < buffers.size(); i++) {
      buffers.get(i).close();
      assertThat(exporters.get(i).object.isReferenced()).as("buffer %s", i).isFalse();
    }
    store.assertEmpty();
    assertThat(lru.count()).isZero();
  }

  // ---- order ----

  @ParameterizedTest
  @EnumSource
  void sh6_everyUse_countsAsOne_andTheLeastRecentGoesFirst(Uses how) throws Exception {
    allocate(4);
    how.use(buffers.get(0));
    how.use(buffers.get(2));
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(1);
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(1, 3);
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(0, 1, 3);
    how.use(buffers.get(1)); // comes back, as the latest
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(0, 2, 3);
  }

  @Test
  void sh6_whatIsNoUse_doesNotCountAsOne() {
    allocate(2);
    buffers.get(0).setName("name");
    buffers.get(0).dup().close();
    buffers.get(0).attach(new Uses.Device(true, null)).close();
    advise(buffers.get(0), Advice.WILL_NEED);
    assertThat(buffers.get(0).info().holds()).isZero();
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(0);
  }

  @Test
  void purge_takesOnlyWhatIsNotNeeded_theLeastRecentFirst_andEvict_onlyTheRest() {
    allocate(4);
    advise(buffers.get(3), Advice.DONT_NEED);
    advise(buffers.get(1), Advice.DONT_NEED);
    assertThat(lru.purge(1)).isEqualTo(SIZE);
    assertThat(residency(buffers.get(3))).isEqualTo(Residency.PURGED);
    assertThat(lru.evict(ALL)).isEqualTo(2 * SIZE);
    assertThat(evicted()).containsExactly(0, 2);
    assertThat(residency(buffers.get(1))).isEqualTo(Residency.RESIDENT);
    assertThat(lru.purge(ALL)).isEqualTo(SIZE);
    assertThat(residency(buffers.get(1))).isEqualTo(Residency.PURGED);
    assertFilled(buffers.get(0), 0);
    assertFilled(buffers.get(2), 2);
  }

  @Test
  void scan_givesWhatIsWanted_andNoMore() {
    allocate(5);
    assertThat(lru.evict(0)).isZero();
    assertThat(lru.evict(-1)).isZero();
    assertThat(lru.count()).isEqualTo(5 * SIZE);
    assertThat(lru.evict(SIZE + 1)).isEqualTo(2 * SIZE);
    assertThat(lru.count()).isEqualTo(3 * SIZE);
    assertThat(lru.evict(ALL)).isEqualTo(3 * SIZE);
    assertThat(lru.count()).isZero();
    assertThat(lru.evict(ALL)).isZero();
    assertThat(lru.statistics().evictedBuffers()).isEqualTo(5);
    assertThat(lru.statistics().evictedBytes()).isEqualTo(5 * SIZE);
    assertThat(lru.statistics().storedBytes()).isEqualTo(5 * SIZE / 4);
  }

  @Test
  void scan_ofMoreThanABatch_keepsTheOrder() {
    allocate(100);
    buffers.subList(0, 10).forEach(buffer -> buffer.hold().close());
    assertThat(lru.evict(90 * SIZE)).isEqualTo(90 * SIZE);
    assertThat(evicted()).hasSize(90).doesNotContain(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  }

  // ---- what is busy is passed by ----

  /** What keeps a buffer where it is, each by itself. */
  enum Busy {
    HELD,
    MAPPED_LOCKED,
    PINNED,
    MAPPED_BY_A_STATIC_IMPORTER,
    WORKED_ON,
    JOB,
    RESERVATION_TAKEN,
    QUARANTINED,
    BEING_UNMAPPED
  }

  /** Makes a buffer busy; what is returned ends that. */
  private Threads.Body makeBusy(Busy how, DmaBuf buffer, EvictableExporter exporter)
      throws Exception {
    Reservation reservation = buffer.reservation();
    return switch (how) {
      case HELD -> {
        Hold hold = buffer.hold();
        yield hold::close;
      }
      case MAPPED_LOCKED, RESERVATION_TAKEN -> elsewhere(buffer, how == Busy.MAPPED_LOCKED);
      case PINNED -> {
        Pin pin = locked(buffer, () -> buffer.pin(Pin.Term.LONG));
        yield () -> underLock(reservation, pin::close);
      }
      case MAPPED_BY_A_STATIC_IMPORTER -> {
        Attachment attachment = buffer.attach(new Uses.Device(false, null));
        ScatterList _ = locked(buffer, () -> attachment.map(Access.READ));
        yield attachment::close;
      }
      case WORKED_ON, QUARANTINED -> {
        FenceContext ring = FenceContext.create("ring");
        for (FenceUsage usage : FenceUsage.values()) {
          Fence _ = publish(ring, buffer, usage);
        }
        if (how == Busy.QUARANTINED) {
          buffer.close();
        }
        yield ring::close;
      }
      case JOB -> {
        Job job = Job.named("job").reads(buffer).publish();
        yield job::signal;
      }
      case BEING_UNMAPPED -> unmapping(exporter);
    };
  }

  private static void underLock(Reservation reservation, Runnable body) {
    reservation.lock();
    try {
      body.run();
    } finally {
      reservation.unlock();
    }
  }

  private static Threads.Body elsewhere(DmaBuf buffer, boolean map) {
    CountDownLatch taken = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    Threads.Started holder =
        Threads.platform(
            () -> {
              buffer.reservation().lock();
              if (map) {
                Vmap _ = buffer.vmapLocked();
              }
              taken.countDown();
              over.await();
              buffer.reservation().unlock();
            });
    Threads.until(() -> taken.getCount() == 0);
    return () -> {
      over.countDown();
      holder.join();
    };
  }

  /** Somebody else is in vunmap. */
  private static Threads.Body unmapping(EvictableExporter exporter) {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    exporter.onVunmap =
        () -> {
          inside.countDown();
          Threads.until(() -> over.getCount() == 0);
        };
    Threads.Started cache = Threads.platform(() -> exporter.object.dropIdleMapping());
    Threads.until(() -> inside.getCount() == 0);
    exporter.onVunmap = null;
    return () -> {
      over.countDown();
      cache.join();
    };
  }

  @ParameterizedTest
  @EnumSource
  void pn2_busyBuffer_isPassedBy_andEvictedOnceItIsLetGo(Busy how) throws Exception {
    allocate(3);
    Threads.Body letGo = makeBusy(how, buffers.get(0), exporters.get(0));
    assertThat(lru.evict(1)).as("the next one").isEqualTo(SIZE);
    assertThat(residency(buffers.get(1))).isEqualTo(Residency.EVICTED);
    assertThat(exporters.get(0).count(Call.EVICT)).isZero();
    letGo.run();
    assertThat(lru.evict(1)).as("what was busy went to the tail").isEqualTo(SIZE);
    assertThat(residency(buffers.get(2))).isEqualTo(Residency.EVICTED);
    if (how != Busy.QUARANTINED) {
      assertThat(lru.evict(1)).isEqualTo(SIZE);
      assertFilled(buffers.get(0), 0);
    } else {
      assertThat(lru.evict(ALL)).as("released").isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void pn2_busyBuffer_isNotPurged_untilItIsLetGo(Busy how) throws Exception {
    allocate(1);
    if (how != Busy.PINNED && how != Busy.MAPPED_BY_A_STATIC_IMPORTER) { // those refuse the advice
      advise(buffers.get(0), Advice.DONT_NEED);
    }
    Threads.Body letGo = makeBusy(how, buffers.get(0), exporters.get(0));
    assertThat(lru.purge(ALL)).isZero();
    assertThat(exporters.get(0).count(Call.EVICT)).isZero();
    letGo.run();
    if (how != Busy.QUARANTINED) {
      advise(buffers.get(0), Advice.DONT_NEED);
      assertThat(lru.purge(ALL)).isEqualTo(SIZE);
    }
  }

  @Test
  void scanOfBusyBuffersOnly_ends_afterEachWasTriedOnce() {
    allocate(70);
    FenceContext ring = FenceContext.create("ring");
    buffers.forEach(buffer -> publish(ring, buffer, FenceUsage.READ));
    assertThat(lru.evict(ALL)).isZero();
    assertThat(lru.reclaimActive(ALL, Duration.ZERO)).isZero();
    ring.close();
    assertThat(lru.evict(ALL)).isEqualTo(70 * SIZE);
  }

  @Test
  void cg8_busyBuffers_arePassedByInTheirOrder_andDoNotHideTheOneThatCanGo() throws Exception {
    allocate(100);
    List<Reservation> locks = new ArrayList<>();
    buffers.forEach(buffer -> locks.add(buffer.reservation()));
    locks.remove(57);
    CountDownLatch taken = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    Threads.Started holder =
        Threads.platform(
            () -> {
              try (AcquireContext _ = AcquireContext.lockAll(locks.toArray(Reservation[]::new))) {
                taken.countDown();
                over.await();
              }
            });
    Threads.until(() -> taken.getCount() == 0);
    assertThat(lru.evict(ALL)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(57);
    assertThat(lru.evict(ALL)).as("busy, all of them").isZero();
    over.countDown();
    holder.join();
    buffers.get(1).hold().close();
    assertThat(lru.evict(2 * SIZE)).isEqualTo(2 * SIZE);
    assertThat(evicted()).containsExactly(0, 2, 57);
  }

  @Test
  void seenInUse_isNotCounted() {
    allocate(2);
    try (Hold hold = buffers.get(0).hold()) {
      assertThat(hold.segment().byteSize()).isEqualTo(SIZE);
      assertThat(lru.count()).isEqualTo(SIZE);
    }
    assertThat(lru.count()).isEqualTo(2 * SIZE);
  }

  // ---- what happens meanwhile ----

  @Test
  void usedAfterTheScanBegan_isNotTaken_evenIfTheScanHadSeenIt() {
    allocate(3);
    boolean[] once = new boolean[1];
    store.meanwhile =
        () -> {
          if (!once[0]) {
            once[0] = true;
            Threads.Started user = Threads.platform(() -> buffers.get(1).hold().close());
            Threads.until(() -> !user.thread().isAlive());
          }
        };
    assertThat(lru.evict(ALL)).isEqualTo(2 * SIZE);
    assertThat(evicted()).containsExactly(0, 2);
    assertThat(lru.evict(ALL)).as("the next scan").isEqualTo(SIZE);
  }

  @Test
  void nextOwnerOfMemoryThatTheScanHadSeen_isNotTaken() {
    allocate(2);
    boolean[] once = new boolean[1];
    store.meanwhile =
        () -> {
          if (!once[0]) {
            once[0] = true;
            buffers.get(1).close();
            buffers.set(1, exporters.get(1).export());
          }
        };
    assertThat(lru.evict(ALL)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(0);
    assertThat(lru.count()).isEqualTo(SIZE);
  }

  @Test
  void allocatedAfterTheScanBegan_isNotTaken() {
    allocate(1);
    store.meanwhile =
        () -> {
          if (buffers.size() == 1) {
            allocate();
          }
        };
    assertThat(lru.evict(ALL)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(0);
  }

  @Test
  void slowStore_holdsUpOnlyWhoNeedsThatBuffer() throws Exception {
    allocate(3);
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    store.meanwhile =
        () -> {
          store.meanwhile = null;
          inside.countDown();
          Threads.until(() -> over.getCount() == 0);
        };
    Threads.Started scan = Threads.platform(() -> assertThat(lru.evict(1)).isEqualTo(SIZE));
    Threads.until(() -> inside.getCount() == 0);
    Threads.Started user = Threads.platform(() -> assertFilled(buffers.get(0), 0)).awaitBlocked();
    assertThat(buffers.get(0).info().residency()).isEqualTo(Residency.RESIDENT);
    assertFilled(buffers.get(2), 2);
    advise(buffers.get(2), Advice.DONT_NEED);
    advise(buffers.get(2), Advice.WILL_NEED);
    allocate().close();
    assertThat(lru.count()).isEqualTo(2 * SIZE);
    assertThat(lru.statistics().evictions()).isZero();
    assertThat(lru.evict(1)).as("another scan").isEqualTo(SIZE);
    assertThat(residency(buffers.get(1))).isEqualTo(Residency.EVICTED);
    over.countDown();
    scan.join();
    user.join();
    assertThat(lru.statistics().evictions()).isEqualTo(2);
    assertThat(residency(buffers.get(0)))
        .as("the user brought it back")
        .isEqualTo(Residency.RESIDENT);
  }

  @Test
  void offeredWhileItIsSaved_isTakenByTheNextPurge() {
    allocate(1);
    int[] stores = new int[1];
    store.meanwhile =
        () -> {
          if (stores[0]++ == 0) {
            assertThat(buffers.get(0).advise(Advice.DONT_NEED)).isTrue(); // the lock is the scan's
          }
        };
    assertThat(lru.evict(ALL)).isEqualTo(SIZE);
    assertThat(lru.statistics().evictedBuffers()).isEqualTo(1);
    assertThat(lru.purge(ALL)).isEqualTo(SIZE / 4);
    assertThat(residency(buffers.get(0))).isEqualTo(Residency.PURGED);
  }

  // ---- a store that refuses ----

  @Test
  void storeThatRefuses_isAskedSomeTimes_andByTheNextScanForOthers() {
    allocate(80);
    store.refuses = true;
    assertThat(lru.evict(ALL)).isZero();
    int asked = store.count(TestStore.Call.STORE);
    assertThat(asked).isBetween(1, 79);
    assertThat(lru.statistics().refusals()).isEqualTo(asked);
    assertThat(evicted()).isEmpty();
    store.refuses = false;
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(asked);
    assertFilled(buffers.get(0), 0);
    assertThat(lru.evict(ALL)).isEqualTo(79 * SIZE);
  }

  // ---- waiting ----

  @Test
  void reclaimActive_waitsForFences_andKeepsOthersOutMeanwhile() throws Exception {
    allocate(2);
    FenceContext ring = FenceContext.create("ring");
    Fence work = publish(ring, buffers.get(0), FenceUsage.BOOKKEEP);
    AtomicLong given = new AtomicLong();
    Threads.Started scan =
        Threads.platform(() -> given.set(lru.reclaimActive(1, Duration.ofHours(1)))).awaitBlocked();
    assertThat(buffers.get(0).reservation().isLocked()).isTrue();
    assertThat(buffers.get(1).reservation().isLocked()).isFalse();
    ring.signal(work);
    scan.join();
    assertThat(given).hasValue(SIZE);
    assertThat(evicted()).containsExactly(0);
    ring.close();
  }

  @Test
  void reclaimActive_waitsForNothingButFences() throws Exception {
    allocate(4);
    FenceContext ring = FenceContext.create("ring");
    buffers.subList(0, 3).forEach(buffer -> publish(ring, buffer, FenceUsage.READ));
    Hold hold = buffers.get(0).hold();
    Pin pin = locked(buffers.get(1), () -> buffers.get(1).pin(Pin.Term.SHORT));
    Threads.Body letGo = elsewhere(buffers.get(2), false);
    AtomicLong given = new AtomicLong();
    Threads.platform(() -> given.set(lru.reclaimActive(ALL, Duration.ofHours(1)))).join();
    assertThat(given).hasValue(SIZE);
    assertThat(evicted()).containsExactly(3);
    hold.close();
    letGo.run();
    underLock(buffers.get(1).reservation(), pin::close);
    ring.close();
  }

  @Test
  void reclaimActive_withoutTime_onlyLooks_andDropsFirst() {
    allocate(3);
    FenceContext ring = FenceContext.create("ring");
    publish(ring, buffers.get(0), FenceUsage.WRITE);
    advise(buffers.get(2), Advice.DONT_NEED);
    assertThat(lru.reclaimActive(1, Duration.ZERO)).isEqualTo(SIZE);
    assertThat(residency(buffers.get(2))).isEqualTo(Residency.PURGED);
    assertThat(lru.reclaimActive(ALL, Duration.ofNanos(1))).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(1);
    assertThat(lru.reclaimActive(ALL, Duration.ofSeconds(-1))).isZero();
    ring.close();
  }

  @Test
  void reclaimActive_isNotStoppedByAFenceThatStaysSilent() {
    allocate(2);
    FenceContext silent = FenceContext.builder("silent").foreign(Duration.ofNanos(1)).build();
    publish(silent, buffers.get(0), FenceUsage.READ);
    assertThat(lru.reclaimActive(ALL, Duration.ofHours(1))).isEqualTo(SIZE);
    assertThat(evicted()).containsExactly(1);
    assertThat(buffers.get(0).reservation().isLocked()).isFalse();
    silent.close();
  }
}
