package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** How many mappings a heap makes: the kernel lets a process have some 65,530. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "mappings of Linux")
@Timeout(120)
final class MappingsTest {
  private final RecordingMemory memory = new RecordingMemory(new LinuxMemory());

  private PooledHeap open(long limit) {
    return PooledHeap.open("offheap:test", new HeapOptions(limit, Duration.ofHours(1)), memory);
  }

  private static long addressOf(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return hold.address();
    }
  }

  @Test
  void allocate_smallBlocksOfLargeAlignments_shareSlabs() throws InterruptedException {
    try (PooledHeap heap = open(64 * MIB)) {
      List<DmaBuf> buffers = new ArrayList<>();
      for (long alignment = memory.maxAlignment(); alignment >= SizeClasses.PAGE; alignment /= 2) {
        for (int i = 0; i < 8; i++) {
          long size = i % 2 == 0 ? 64 * KIB : 1;
          DmaBuf buffer = heap.allocate(AllocationRequest.of(size).alignment(alignment).build());
          assertThat(addressOf(buffer) % alignment).isZero();
          buffers.add(buffer);
        }
      }
      // From 1 GiB to 64 MiB each block needs a slab of its own alignment, 32 MiB one per slab or
      // less, 16 MiB two at least, and so on; the smaller ones find room in between.
      assertThat(memory.live()).isLessThanOrEqualTo(5 * 8 + 8 + 8);
      assertThat(buffers).hasSize(19 * 8);
      assertThat(memory.live()).isLessThan(buffers.size() / 2);
      buffers.forEach(DmaBuf::close);
    }
    assertThat(memory.live()).isZero();
  }

  @Test
  void allocate_seventyThousandAlignedBlocks_theJvmLives() throws Exception {
    String output = ChildJvm.run(Aligned.class, "-Xmx512m", "--enable-native-access=ALL-UNNAMED");
    assertThat(output).contains("70000 buffers, then 0 B committed");
  }

  /** Holds more blocks at a large alignment than a process may have mappings. */
  static final class Aligned {
    private Aligned() {}

    /** Runs in a JVM of its own. */
    public static void main(String[] args) throws InterruptedException {
      AllocationRequest request = AllocationRequest.of(4096).alignment(4 * MIB).build();
      try (PooledHeap heap = TestMemory.MAPPED.open(512 * MIB)) {
        List<DmaBuf> buffers = new ArrayList<>();
        for (int i = 0; i < 70_000; i++) {
          buffers.add(heap.allocate(request));
        }
        buffers.forEach(DmaBuf::close);
        heap.trim();
        System.out.printf(
            "%d buffers, then %d B committed%n",
            buffers.size(), heap.statistics().committedBytes());
      }
    }
  }
}
