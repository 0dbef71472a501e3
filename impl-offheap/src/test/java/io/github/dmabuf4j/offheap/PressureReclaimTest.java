package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.offheap.pressure.PressureFixture;
import io.github.dmabuf4j.offheap.pressure.PressureSource;
import io.github.dmabuf4j.offheap.pressure.PressureWatch;
import io.github.dmabuf4j.tck.Rule;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a heap does under memory pressure from outside. */
@Timeout(60)
final class PressureReclaimTest {
  private static final long SIZE = 64 * KIB;
  private static final long LIMIT = 16 * MIB;
  private static final PressureSource SOURCE = PressureFixture.anySource();

  @RegisterExtension final HeapGuard guard = new HeapGuard();
  @TempDir Path root;

  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE);

  private PressureReclaim reclaimOf(PooledHeap heap) {
    return new PressureReclaim(heap.pool, true, nanos::get);
  }

  /** Tells of pressure, and waits until what is done because of it is done. */
  private static void press(PressureReclaim reclaim, PressureSource source)
      throws InterruptedException {
    reclaim.pressure(source);
    CountDownLatch done = new CountDownLatch(1);
    BackgroundReclaim.execute(done::countDown); // the thread does one after the other
    done.await();
  }

  private void passSeconds(long seconds) {
    nanos.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
  }

  private static void addIdle(Heap heap, int count) {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      buffers.add(heap.allocate(SIZE));
    }
    buffers.forEach(DmaBuf::close);
  }

  private static void dontNeed(DmaBuf buffer) {
    buffer.reservation().lock();
    try {
      assertThat(buffer.advise(Advice.DONT_NEED)).isTrue();
    } finally {
      buffer.reservation().unlock();
    }
  }

  @Rule("SH8")
  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void sh8_pressure_idleGoesBack_andAllThatIsNotNeededIsPurged(TestMemory memory)
      throws InterruptedException {
    PooledHeap heap = guard.open(memory, LIMIT);
    List<DmaBuf> notNeeded = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      notNeeded.add(heap.allocate(SIZE));
    }
    try (DmaBuf kept = heap.allocate(SIZE)) {
      addIdle(heap, 8);
      notNeeded.forEach(PressureReclaimTest::dontNeed);
      assertThat(heap.statistics().committedBytes()).isEqualTo(14 * SIZE);
      press(reclaimOf(heap), SOURCE);
      assertThat(heap.statistics().committedBytes()).isEqualTo(SIZE);
      assertThat(heap.statistics().idleBytes()).isZero();
      assertThat(notNeeded).allMatch(buffer -> buffer.info().residency() == Residency.PURGED);
      assertThat(kept.info().residency()).isEqualTo(Residency.RESIDENT);
    }
    notNeeded.forEach(DmaBuf::close);
  }

  @Rule("SH8")
  @ParameterizedTest
  @EnumSource(TestMemory.class)
  void sh8_pressure_anEighthIsEvicted_eachTime(TestMemory memory) throws InterruptedException {
    PooledHeap heap = guard.open(memory, LIMIT);
    heap.pool.openStore(DeflatingStore::new);
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      buffers.add(heap.allocate(SIZE));
    }
    PressureReclaim reclaim = reclaimOf(heap);
    press(reclaim, SOURCE);
    assertThat(heap.shrinker().statistics().evictedBuffers()).isEqualTo(8);
    assertThat(heap.statistics().committedBytes()).isLessThan(58 * SIZE);
    press(reclaim, SOURCE);
    assertThat(heap.shrinker().statistics().evictedBuffers()).as("within a second").isEqualTo(8);
    passSeconds(1);
    press(reclaim, SOURCE);
    assertThat(heap.shrinker().statistics().evictedBuffers()).isBetween(15L, 16L);
    buffers.forEach(DmaBuf::close);
  }

  @Test
  void whatComesBackAtOnce_isEvictedLessAndLessOften() throws InterruptedException {
    PooledHeap heap = guard.open(TestMemory.MAPPED, LIMIT);
    heap.pool.openStore(DeflatingStore::new);
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      buffers.add(heap.allocate(SIZE));
    }
    PressureReclaim reclaim = reclaimOf(heap);
    List<Integer> seconds = new ArrayList<>();
    long before = 0;
    for (int second = 0; second < 200; second++) {
      press(reclaim, SOURCE);
      long evictions = heap.shrinker().statistics().evictions();
      if (evictions > before) {
        seconds.add(second);
        before = evictions;
        buffers.forEach(buffer -> buffer.hold().close());
      }
      passSeconds(1);
    }
    assertThat(seconds).containsExactly(0, 1, 3, 7, 15, 31, 63, 127, 191);
    buffers.forEach(DmaBuf::close);
  }

  @Test
  void pressureThatGaveNothing_isHeededLessOften_untilItGivesSomething()
      throws InterruptedException {
    PooledHeap heap = guard.open(TestMemory.MAPPED, LIMIT);
    PressureReclaim reclaim = reclaimOf(heap);
    press(reclaim, SOURCE); // nothing: two seconds
    addIdle(heap, 1);
    passSeconds(1);
    press(reclaim, SOURCE);
    assertThat(heap.statistics().idleBytes()).isEqualTo(SIZE);
    passSeconds(1);
    press(reclaim, SOURCE);
    assertThat(heap.statistics().idleBytes()).isZero();
    addIdle(heap, 1);
    passSeconds(1);
    press(reclaim, SOURCE);
    assertThat(heap.statistics().idleBytes()).isZero();
  }

  @Test
  void directMemory_isHeededOnlyByThoseWhoseMemoryItIs() throws InterruptedException {
    PooledHeap mapped = guard.open(TestMemory.MAPPED, LIMIT);
    PooledHeap arena = guard.open(TestMemory.ARENA, LIMIT);
    addIdle(mapped, 1);
    addIdle(arena, 1);
    press(
        new PressureReclaim(mapped.pool, TestMemory.MAPPED.create().isDirectMemory()),
        PressureFixture.directMemory());
    press(
        new PressureReclaim(arena.pool, TestMemory.ARENA.create().isDirectMemory()),
        PressureFixture.directMemory());
    assertThat(mapped.statistics().idleBytes()).isEqualTo(SIZE);
    assertThat(arena.statistics().idleBytes()).isZero();
  }

  @Test
  void closedAndDrainedHeaps_needNoWatch_andAreLeftAlone() throws Exception {
    PooledHeap heap = guard.open(TestMemory.MAPPED, LIMIT);
    PressureReclaim reclaim = reclaimOf(heap);
    assertThat(reclaim.isNeeded()).isTrue();
    DmaBuf live = heap.allocate(SIZE);
    assertThat(heap.drain(Duration.ZERO)).isFalse();
    assertThat(reclaim.isNeeded()).isFalse();
    press(reclaim, SOURCE);
    live.close();
    assertThat(heap.drain(Duration.ofSeconds(20))).isTrue();
    press(reclaim, SOURCE);
  }

  @Test
  void lostHeap_isNotHeld_andItsWatchEnds() {
    PressureWatch watch = new PressureFixture(root).stalls(0).watch();
    WeakReference<Pool> lost = loseAHeap(watch);
    Await.until(
        "the pool is collected",
        () -> {
          System.gc();
          return lost.get() == null;
        });
  }

  private static WeakReference<Pool> loseAHeap(PressureWatch watch) {
    Pool pool = TestMemory.MAPPED.open(MIB).pool;
    watch.add(new PressureReclaim(pool, false));
    return new WeakReference<>(pool);
  }

  @Rule("SH8")
  @Test
  void sh8_files_thatSayPressure_makeAHeapGiveBack_unlessItIgnoresThem() throws Exception {
    String output = ChildJvm.run(Child.class, "-Ddmabuf4j.offheap.pressure.root=" + root);
    assertThat(output)
        .contains("PSI polled at " + root.resolve("proc/pressure/memory"))
        .contains("heeding keeps 0 B idle")
        .contains("ignoring keeps 65536 B idle")
        .contains("no thread watches");
  }

  /** Opens two heaps, writes that there is pressure, and says what they do. */
  static final class Child {
    private Child() {}

    /** Runs in a JVM of its own, whose root is empty. */
    public static void main(String[] args) {
      PressureFixture files =
          new PressureFixture(Path.of(System.getProperty("dmabuf4j.offheap.pressure.root")));
      files.stalls(0);
      System.out.println(new OffHeapProvider().describe().getFirst().summary());
      String options = "offheap:system?limit=1MiB&decay=1h";
      try (Heap heeding = Heaps.open(options);
          Heap ignoring = Heaps.open(options + "&pressure=ignore")) {
        addIdle(heeding, 1);
        addIdle(ignoring, 1);
        long[] stalled = {0};
        Await.until(
            "the heap gives back",
            () -> {
              files.stalls(stalled[0] += 1_000_000_000);
              return heeding.statistics().idleBytes() == 0;
            });
        System.out.println("heeding keeps %d B idle".formatted(heeding.statistics().idleBytes()));
        System.out.println("ignoring keeps %d B idle".formatted(ignoring.statistics().idleBytes()));
      }
      Await.until("no thread watches", () -> !isWatched());
      System.out.println("no thread watches");
    }

    private static boolean isWatched() {
      return Thread.getAllStackTraces().keySet().stream()
          .anyMatch(thread -> thread.getName().equals("dmabuf4j-pressure"));
    }
  }
}
