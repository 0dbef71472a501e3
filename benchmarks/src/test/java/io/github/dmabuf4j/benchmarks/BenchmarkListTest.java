package io.github.dmabuf4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.FragmentationMap.Use;
import io.github.dmabuf4j.RegionStatistics;
import io.github.dmabuf4j.benchmarks.report.CompactedRegion;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/** Nobody runs benchmarks in a build, but they must be there when somebody does. */
final class BenchmarkListTest {
  @Test
  void generatedList_namesTheBenchmarks() throws IOException {
    try (InputStream in = BenchmarkListTest.class.getResourceAsStream("/META-INF/BenchmarkList")) {
      assertThat(in).as("what JMH's annotation processor writes").isNotNull();
      assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8))
          .contains(
              AllocateCloseBenchmark.class.getName(),
              AllocationPatternBenchmark.class.getName(),
              AttachBenchmark.class.getName(),
              CpuAccessBenchmark.class.getName(),
              BufferQueueBenchmark.class.getName(),
              BulkBenchmark.class.getName(),
              ContiguousBenchmark.class.getName(),
              CrossThreadBenchmark.class.getName(),
              FenceBenchmark.class.getName(),
              HandOverBenchmark.class.getName(),
              LiveSetBenchmark.class.getName(),
              NettyInteropBenchmark.class.getName(),
              PipelineBenchmark.class.getName(),
              ReclaimBenchmark.class.getName(),
              ReservationBenchmark.class.getName(),
              SwapStoreBenchmark.class.getName(),
              UserMemoryBenchmark.class.getName(),
              VmapBenchmark.class.getName());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "dmabuf4j",
        "netty-pooled",
        "netty-pooled-o13",
        "netty-adaptive",
        "malloc",
        "arena-confined",
        "arena-shared"
      })
  void allocationBenchmarks_getMemoryThatCanBeUsed_withEachStrategy(String strategy) {
    AllocateCloseBenchmark one = new AllocateCloseBenchmark();
    one.strategy = strategy;
    one.bytes = 10_000;
    one.live = 2;
    one.begin();
    assertThat(one.allocateClose()).isNotNull();
    assertThat(one.allocateTouchClose()).isEqualTo((byte) 1);
    assertThat(one.allocateZeroedClose()).isNotNull();
    one.end();
    LiveSetBenchmark live = new LiveSetBenchmark();
    live.strategy = strategy;
    live.live = 3;
    live.fill();
    for (int i = 0; i < 7; i++) {
      assertThat(live.replace()).isNotNull();
    }
    live.end();
    replaceInAPattern(strategy);
  }

  private static void replaceInAPattern(String strategy) {
    AllocationPatternBenchmark all = new AllocationPatternBenchmark();
    all.strategy = strategy;
    all.live = 8;
    all.begin();
    AllocationPatternBenchmark.Share one = new AllocationPatternBenchmark.Share();
    AllocationPatternBenchmark.Share other = new AllocationPatternBenchmark.Share();
    one.fill(all, 0, 2);
    other.fill(all, 1, 2);
    for (int i = 0; i < 100; i++) {
      assertThat(all.replaceByTwo(one)).isNotSameAs(all.replaceByTwo(other));
    }
    all.touch();
    one.end(all);
    other.end(all);
  }

  @Test
  void tracedSizes_areDrawnAsOftenAsTheyWereAllocated() {
    TracedSizes traced = TracedSizes.ofDemo();
    SplittableRandom dice = new SplittableRandom(1);
    int[] sizes = traced.sizes();
    int draws = 100_000;
    double sum = 0;
    int pictures = 0;
    for (int i = 0; i < draws; i++) {
      int size = sizes[traced.next(dice)];
      sum += size;
      pictures += size == 479_872 ? 1 : 0;
    }
    assertThat(traced.allocations()).isEqualTo(4 * 190);
    assertThat(pictures / (double) draws).isCloseTo(0.25, within(0.01));
    assertThat(sum / draws).isCloseTo(traced.meanBytes(), within(0.01 * traced.meanBytes()));
    assertThat(4096 * traced.meanBytes()).isBetween(8.5e8, 9.5e8);
  }

  @ParameterizedTest
  @EnumSource(names = {"FAIL_FAST", "NORMAL", "TRY_HARD"})
  void contiguousBenchmark_findsTheRegionAsFullAsBefore_andServesEachRequest(AllocPolicy policy)
      throws InterruptedException {
    ContiguousBenchmark benchmark = new ContiguousBenchmark();
    benchmark.policy = policy;
    benchmark.percent = 70;
    benchmark.bytes = 4 << 20;
    benchmark.open();
    for (int i = 0; i < 100; i++) {
      benchmark.scatter();
      RegionStatistics now = benchmark.region().statistics();
      assertThat(now.movableBytes() / (double) now.byteSize()).isCloseTo(0.7, within(0.01));
      assertThat(now.largestFreeBytes()).isLessThan(4 << 20);
      assertThat(benchmark.request()).isEqualTo(4 << 20);
    }
    assertThat(benchmark.region().statistics().moves()).isPositive();
    benchmark.close();
  }

  @Test
  void picturedRegion_hasMoreInOnePieceAfterwards_andBothMapsSurviveJson() throws Exception {
    CompactedRegion region = ContiguousBenchmark.picture();

    assertThat(region.before().bytes(Use.MOVABLE) + region.before().bytes(Use.PINNED))
        .isCloseTo((64L << 20) * 7 / 10, within(1L << 20));
    assertThat(region.before().bytes(Use.PINNED)).isPositive();
    assertThat(region.after().largestFree()).isGreaterThan(4 * region.before().largestFree());
    assertThat(region.after().fragmentation()).isLessThan(region.before().fragmentation());
    assertThat(region.movedBytes()).isPositive();
    JsonMapper mapper = JsonMapper.shared();
    assertThat(mapper.readValue(mapper.writeValueAsString(region), CompactedRegion.class))
        .isEqualTo(region);
  }

  @ParameterizedTest
  @ValueSource(strings = {"dmabuf4j", "netty-pooled", "netty-adaptive"})
  void nettyBenchmark_doesTheSameWithEachStrategy(String strategy) {
    NettyInteropBenchmark benchmark = new NettyInteropBenchmark();
    NettyInteropBenchmark.Allocator allocator = new NettyInteropBenchmark.Allocator();
    allocator.strategy = strategy;
    allocator.bytes = 4096;
    allocator.open();
    assertThat(benchmark.allocateRelease(allocator)).isTrue();
    assertThat(benchmark.writeRead(allocator)).isEqualTo(512L * (0 + 4088) / 2);
    allocator.close();
    Peers.Idle idle = new Peers.Idle();
    idle.open();
    assertThat(benchmark.view(idle)).isEqualTo(benchmark.viewShared(idle)).isZero();
    assertThat(benchmark.wrap(new NettyInteropBenchmark.Plain())).isZero();
    idle.close();
  }

  @Test
  void bulkBenchmark_getsAll_eitherWay() throws InterruptedException {
    BulkBenchmark bulk = new BulkBenchmark();
    bulk.open();
    assertThat(bulk.bulk()).hasSize(4800);
    bulk.release();
    assertThat(bulk.single()).hasSize(4800);
    bulk.close();
  }

  @Test
  void reservationBenchmark_runsEveryStrategyOnce() throws InterruptedException {
    ReservationBenchmark benchmark = new ReservationBenchmark();
    ReservationBenchmark.Turn turn = new ReservationBenchmark.Turn();
    for (String strategy : List.of("dmabuf4j", "reentrantLock", "stampedLock")) {
      ReservationBenchmark.One one = new ReservationBenchmark.One();
      one.strategy = strategy;
      one.setUp();
      assertThat(benchmark.pair(one)).isEqualTo(1);
    }
    for (String strategy : List.of("dmabuf4j", "reentrantLock", "sortedReentrantLocks")) {
      ReservationBenchmark.Sets sets = new ReservationBenchmark.Sets();
      sets.strategy = strategy;
      sets.count = 8;
      sets.setUp();
      benchmark.set(sets, turn);
    }
    for (String strategy : List.of("dmabuf4j", "sortedReentrantLocks")) {
      ReservationBenchmark.SharedSets sets = new ReservationBenchmark.SharedSets();
      sets.strategy = strategy;
      sets.count = 16;
      sets.setUp();
      benchmark.setByTwo(sets, turn);
    }
    ReservationBenchmark.HeldSlots slots = new ReservationBenchmark.HeldSlots();
    slots.count = 4;
    slots.setUp();
    benchmark.lockAndAddFence(slots);
    slots.lock();
    benchmark.addFence(slots);
    slots.unlock();
    slots.tearDown();
  }

  @ParameterizedTest
  @ValueSource(strings = {"dmabuf4j", "completableFuture", "numberedFuture", "countDownLatch"})
  void fenceBenchmark_doesTheSameWithEachStrategy(String strategy) throws Exception {
    FenceBenchmark benchmark = new FenceBenchmark();
    FenceBenchmark.Own own = new FenceBenchmark.Own();
    own.strategy = strategy;
    own.begin();
    assertThat(benchmark.signal(own)).isNotNull();
    assertThat(benchmark.stamp(own)).isNotNull();
    assertThat(benchmark.callback(own)).isNotSameAs(own.told);
    assertThat(own.told.count).isEqualTo(1);
    FenceBenchmark.Partners partners = new FenceBenchmark.Partners();
    partners.strategy = strategy;
    partners.begin();
    for (int i = 0; i < 100; i++) {
      benchmark.wakeUp(partners);
    }
    partners.end();
  }

  @Test
  void bufferBenchmarks_comeToTheBytes() throws InterruptedException {
    Peers.Idle idle = new Peers.Idle();
    idle.open();
    VmapBenchmark vmap = new VmapBenchmark();
    assertThat(vmap.confined(idle))
        .isEqualTo(vmap.locked(idle))
        .isEqualTo(vmap.pool(idle))
        .isZero();
    assertThat(vmap.confinedEscaping(idle).byteSize()).isEqualTo(Peers.SIZE);
    CpuAccessBenchmark access = new CpuAccessBenchmark();
    access.write(idle);
    assertThat(access.read(idle)).isEqualTo(access.bracket(idle)).isEqualTo((byte) 1);
    access.job(idle);
    AttachBenchmark attach = new AttachBenchmark();
    assertThat(attach.attach(idle)).isNotNull();
    idle.close();
    AttachBenchmark.Attached attached = new AttachBenchmark.Attached();
    attached.kept = true;
    attached.attach();
    assertThat(attach.map(attached)).isSameAs(attach.map(attached));
    attached.detach();
  }

  @Test
  void pipelines_encodeTheSamePictures_andOnlyOneCopies() throws Exception {
    VideoPipeline sharing = new SharingPipeline(720, 405);
    VideoPipeline copying = new CopyingPipeline(720, 405);
    sharing.start();
    copying.start();
    Set<Long> different = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      long checksum = sharing.next();
      assertThat(checksum).isEqualTo(copying.next()).isNotNegative();
      different.add(checksum);
    }
    assertThat(different).hasSize(50);
    assertThat(sharing.copiedBytes()).isZero();
    assertThat(copying.copiedBytes()).isGreaterThan(50L * 3 * 720 * 405);
    assertThat(sharing.peakBytes()).isBetween(1L, 64L << 20);
    sharing.close(); // fails if a buffer is live
    copying.close();
  }

  @Test
  void pipeline_whoseStageFails_saysSo_andEnds() {
    VideoPipeline broken =
        new CopyingPipeline(64, 64) {
          @Override
          void filterAll() {
            throw new IllegalStateException("a broken filter");
          }
        };
    broken.start();
    assertThatThrownBy(broken::next).hasRootCauseMessage("a broken filter");
  }

  @ParameterizedTest
  @ValueSource(strings = {"dmabuf4j", "arrayBlockingQueue"})
  void bufferQueueBenchmark_handsOverInOrder_withEachStrategy(String strategy) throws Exception {
    BufferQueueBenchmark benchmark = new BufferQueueBenchmark();
    BufferQueueBenchmark.Pair pair = new BufferQueueBenchmark.Pair();
    pair.strategy = strategy;
    pair.buffers = 3;
    pair.begin();
    for (int i = 0; i < 1000; i++) {
      benchmark.handOver(pair);
    }
    pair.end();
  }

  @ParameterizedTest
  @ValueSource(strings = {"lz4", "zstd", "none", "none-unchecked", "file", "encrypted"})
  void swapStoreBenchmark_getsTheFrameBack_fromEachStore(String store) {
    for (String picture : new String[] {"720x405", "1920x1080"}) {
      SwapStoreBenchmark.Frame frame = new SwapStoreBenchmark.Frame();
      frame.store = store;
      frame.picture = picture;
      frame.open();
      assertThat(frame.decompress()).isEqualTo(frame.compress());
      frame.close(); // compares
    }
  }
}
