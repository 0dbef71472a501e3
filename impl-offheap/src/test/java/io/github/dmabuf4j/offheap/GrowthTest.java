package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How much lies idle where many sizes are in use. */
@Timeout(60)
final class GrowthTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private static List<DmaBuf> allocate(PooledHeap heap, int count, long size) {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      buffers.add(heap.allocate(size));
    }
    return buffers;
  }

  /** Lets idle blocks be of use, many times. */
  private static void reuse(PooledHeap heap, int times, long size) {
    for (int i = 0; i < times; i++) {
      heap.allocate(size).close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void growth_anotherSizeHadItsPeak_takesItsPlace(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 64 * MIB);
    allocate(heap, 64, 128 * KIB).forEach(DmaBuf::close);
    reuse(heap, 64 * 64, 128 * KIB);
    List<DmaBuf> others = allocate(heap, 64, 64 * KIB);
    assertThat(heap.statistics().committedBytes())
        .as("not 12 MiB, the sum of the two peaks")
        .isLessThanOrEqualTo(8 * MIB);
    others.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void growth_idleBlocksWereHardlyOfUse_grows(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 64 * MIB);
    allocate(heap, 64, 128 * KIB).forEach(DmaBuf::close);
    List<DmaBuf> others = allocate(heap, 64, 64 * KIB);
    assertThat(heap.statistics().committedBytes())
        .as("who uses two sizes in turn has both idle")
        .isEqualTo(12 * MIB);
    others.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void growth_littleIsIdle_staysIdle(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 64 * MIB);
    allocate(heap, 8, 128 * KIB).forEach(DmaBuf::close);
    reuse(heap, 1000, 128 * KIB);
    heap.allocate(64 * KIB).close();
    assertThat(heap.statistics().committedBytes()).isEqualTo(MIB + 64 * KIB);
  }

  @ParameterizedTest
  @EnumSource
  void growth_largeBlocksAreIdle_stay(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 64 * MIB);
    allocate(heap, 4, 4 * MIB).forEach(DmaBuf::close);
    reuse(heap, 1000, 4 * MIB);
    reuse(heap, 1000, 64 * KIB);
    heap.allocate(32 * KIB).close();
    assertThat(heap.statistics().committedBytes()).isEqualTo(16 * MIB + 96 * KIB);
  }

  @ParameterizedTest
  @EnumSource
  void growth_exchanges_areAtMostOneForSoManyHits(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 64 * MIB);
    allocate(heap, 64, 128 * KIB).forEach(DmaBuf::close);
    reuse(heap, (int) Growth.HITS_PER_EXCHANGE, 128 * KIB);
    List<DmaBuf> others = allocate(heap, 3, 128 * KIB + 1);
    long one = SizeClasses.bytes(SizeClasses.classOf(33));
    assertThat(heap.statistics().committedBytes())
        .as("room was made for the first one, and not for the others")
        .isBetween(8 * MIB - 2 * one - 128 * KIB + 3 * one, 8 * MIB + 2 * one);
    others.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void growth_randomSizesBesideALiveSet_lessIdleThanTheSumOfPeaks(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 256 * MIB);
    Random random = new Random(9);
    long[] sizes = {40 * KIB, 64 * KIB, 100 * KIB, 300 * KIB, 470 * KIB};
    List<DmaBuf> live = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      live.add(heap.allocate(sizes[random.nextInt(sizes.length)]));
    }
    for (int i = 0; i < 30_000; i++) {
      int place = random.nextInt(live.size());
      live.get(place).close();
      live.set(place, heap.allocate(sizes[random.nextInt(sizes.length)]));
    }
    assertThat(heap.statistics().idleBytes())
        .isLessThanOrEqualTo(heap.statistics().liveBytes() / 2);
    live.forEach(DmaBuf::close);
  }
}
