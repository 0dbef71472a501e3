package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How many mappings a heap makes: the kernel lets a process have some 65,530. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "mappings of Linux")
@Timeout(120)
final class MappingsTest {
  private final RecordingMemory memory = new RecordingMemory(new LinuxMemory(false));

  private PooledHeap open(long limit) {
    return PooledHeap.open(
        "offheap:test", new HeapOptions(limit, limit, Duration.ofHours(1)), memory);
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

  // ---- the kernel refuses to unmap ----

  @Test
  void map_trimmingIsRefused_regionWorksAndNothingIsLeaked() throws SlabMemoryException {
    RefusingCalls calls = new RefusingCalls();
    Mappings mappings = new Mappings(calls, () -> 100);
    LinuxMemory linux = new LinuxMemory(calls, mappings);
    calls.refusesToUnmap = true;
    SlabMemory.Region region = linux.map(64 * KIB, 4 * MIB, false);
    assertThat(region.address() % (4 * MIB)).isZero();
    region.segment().fill((byte) 1);
    calls.refusesToUnmap = false;
    region.arena().close();
    assertThat(calls.mappedBytes).isZero();
    assertThat(mappings.count()).isZero();
  }

  @Test
  void unmap_refused_memoryGoesBackAtOnceAndTheRestAtTheNextCall() throws SlabMemoryException {
    RefusingCalls calls = new RefusingCalls();
    Mappings mappings = new Mappings(calls, () -> 100);
    LinuxMemory linux = new LinuxMemory(calls, mappings);
    SlabMemory.Region region = linux.map(64 * KIB, 1, false);
    region.segment().fill((byte) 1);
    calls.refusesToUnmap = true;
    region.arena().close();
    assertThat(calls.droppedBytes).as("its memory went back").containsExactly(64 * KIB);
    assertThat(mappings.count()).as("but not its address space").isEqualTo(1);
    calls.refusesToUnmap = false;
    SlabMemory.Region next = linux.map(MIB, 1, false);
    assertThat(calls.mappedBytes).isEqualTo(MIB);
    assertThat(mappings.count()).isEqualTo(1);
    next.arena().close();
    assertThat(mappings.count()).isZero();
  }

  // ---- too many ----

  @Test
  void maxMapCount_isWhatTheKernelSays() throws IOException {
    Process cat = new ProcessBuilder("cat", "/proc/sys/vm/max_map_count").start();
    String said = new String(cat.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    assertThat(LinuxMemory.maxMapCount() + "\n").isEqualTo(said);
  }

  private static PooledHeap openWithKernelLimit(Mappings.KernelLimit limit) {
    return PooledHeap.open(
        "offheap:test",
        new HeapOptions(64 * MIB, 64 * MIB, Duration.ofHours(1)),
        new LinuxMemory(MappingCalls.LINUX, new Mappings(MappingCalls.LINUX, limit)));
  }

  @ParameterizedTest
  @EnumSource
  void allocate_halfOfTheKernelsMappingsUsed_failsNamingTheKnob(AllocPolicy policy)
      throws InterruptedException {
    AtomicInteger limit = new AtomicInteger(8);
    try (PooledHeap heap = openWithKernelLimit(limit::get)) {
      AllocationRequest request = AllocationRequest.of(6 * MIB).policy(policy).build();
      List<DmaBuf> buffers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        buffers.add(heap.allocate(request));
      }
      assertThatThrownBy(() -> heap.allocate(request))
          .isInstanceOf(OutOfBuffersException.class)
          .hasMessageContaining("8 are allowed, half of vm.max_map_count")
          .hasMessageContaining("sysctl -w vm.max_map_count=");
      limit.set(10);
      buffers.add(heap.allocate(request)); // without a restart
      buffers.forEach(DmaBuf::close);
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NOWAIT")
  void allocate_idleBlocksHaveTheMappings_areGivenUpForIt(AllocPolicy policy)
      throws InterruptedException {
    try (PooledHeap heap = openWithKernelLimit(() -> 8)) {
      List<DmaBuf> buffers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        buffers.add(heap.allocate(6 * MIB));
      }
      buffers.forEach(DmaBuf::close);
      heap.allocate(AllocationRequest.of(7 * MIB).policy(policy).build()).close();
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NOWAIT")
  void allocate_emptySlabHasTheLastMapping_isUnmappedForIt(AllocPolicy policy)
      throws InterruptedException {
    try (PooledHeap heap = openWithKernelLimit(() -> 2)) {
      heap.allocate(4096).close();
      heap.trim();
      heap.allocate(AllocationRequest.of(7 * MIB).policy(policy).build()).close();
    }
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
