package io.github.dmabuf4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The two sides of each comparison do what their names say; they check what came out. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "the peers call madvise")
final class ReclaimBenchmarkTest {
  private final ReclaimBenchmark benchmark = new ReclaimBenchmark();

  @ParameterizedTest
  @CsvSource({"lz4,720x405", "lz4,1920x1080", "none-unchecked,720x405", "none-unchecked,1920x1080"})
  void frames_areAllEvicted_andComeBackAsTheyWere(String codec, String picture) {
    SwappedFrames.Resident resident = new SwappedFrames.Resident();
    resident.codec = codec;
    resident.picture = picture;
    SwappedFrames.Evicted evicted = new SwappedFrames.Evicted();
    evicted.codec = codec;
    evicted.picture = picture;
    resident.open();
    evicted.open();
    for (int i = 0; i < 3; i++) {
      resident.bringBack();
      evicted.putAway();
      assertThat(benchmark.evict(resident)).isEqualTo(benchmark.swapIn(evicted)).isPositive();
    }
    resident.close(); // compares
    evicted.close();
  }

  @ParameterizedTest
  @CsvSource({"lz4,720x405", "none-unchecked,1920x1080"})
  void bareFrames_comeBackAsTheyWere(String codec, String picture) {
    BareFrames.Resident resident = new BareFrames.Resident();
    resident.codec = codec;
    resident.picture = picture;
    BareFrames.Evicted evicted = new BareFrames.Evicted();
    evicted.codec = codec;
    evicted.picture = picture;
    resident.open();
    evicted.open();
    resident.bringBack();
    evicted.putAway();
    assertThat(benchmark.compressGivingBack(resident)).isEqualTo(benchmark.compress(resident));
    assertThat(benchmark.decompressTaking(evicted)).isEqualTo(benchmark.decompress(evicted));
    resident.close(); // compares
    evicted.close();
  }

  @ParameterizedTest
  @ValueSource(longs = {1 << 20, 3_110_400})
  void purge_andGiveBack_returnAsMuch(long bytes) {
    PurgedMemory.Buffers buffers = new PurgedMemory.Buffers();
    buffers.bytes = bytes;
    PurgedMemory.Mapping mapping = new PurgedMemory.Mapping();
    buffers.open();
    mapping.open();
    for (int i = 0; i < 2; i++) {
      buffers.populate();
      assertThat(benchmark.purge(buffers)).isGreaterThanOrEqualTo(PurgedMemory.BYTES);
      mapping.populate();
      assertThat(benchmark.giveBack(mapping)).isEqualTo(PurgedMemory.BYTES);
    }
    buffers.close();
    mapping.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"held", "locked"})
  void busyBuffers_areAllPassedBy(String busy) throws InterruptedException {
    BusyBuffers buffers = new BusyBuffers();
    buffers.busy = busy;
    buffers.count = 1000;
    buffers.open();
    assertThat(benchmark.scan(buffers)).isZero();
    assertThat(benchmark.tryLock(buffers)).isEqualTo(benchmark.tryLockEach(buffers)).isZero();
    buffers.close();
  }

  @Test
  void pressedHeap_evictsForEachAllocation() {
    PressedHeap heap = new PressedHeap();
    heap.open();
    for (int i = 0; i < 50; i++) {
      heap.makeRoomForOne();
      assertThat(benchmark.allocate(heap)).isPositive();
    }
    heap.close(); // fails if nothing was evicted
  }
}
