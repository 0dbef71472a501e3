package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How much lies idle, and in which state. */
@Timeout(60)
final class RetentionTest {
  private static final Retention ZEROED = new Retention(Duration.ofHours(1), Long.MAX_VALUE, true);

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private static void allocateWriteClose(Heap heap, long... sizes) {
    List<DmaBuf> buffers = new ArrayList<>();
    for (long size : sizes) {
      DmaBuf buffer =
          heap.allocateUninterruptibly(AllocationRequest.of(size).uninitialized().build());
      try (Hold hold = buffer.hold()) {
        hold.segment().fill((byte) 7);
      }
      buffers.add(buffer);
    }
    buffers.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void al9_moreIdleThanIsRetained_theRestGoesBack(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 4 * MIB);
    allocateWriteClose(heap, 4 * KIB, 4 * KIB, 64 * KIB, MIB);
    heap.pool.returns.attend(new Retention(Duration.ofHours(1), 72 * KIB, false));
    assertThat(heap.statistics().idleBytes()).isLessThanOrEqualTo(72 * KIB).isPositive();
    heap.pool.returns.attend(new Retention(Duration.ofHours(1), 0, false));
    assertThat(heap.statistics().idleBytes()).isZero();
  }

  @Test
  void al9_retainedOption_isHeededByTheTimer() {
    try (Heap heap = Heaps.open("offheap:system?limit=4MiB&decay=1h&retained=64KiB")) {
      allocateWriteClose(heap, MIB, MIB, 4 * KIB);
      Await.until("no more than that is idle", () -> heap.statistics().idleBytes() <= 64 * KIB);
    }
  }

  @ParameterizedTest
  @EnumSource
  void al9_allHeapsTogether_excessIsWhatIsIdleBeyondTheLimit(TestMemory memory) {
    RetainedBytes retained = new RetainedBytes(100 * KIB);
    PooledHeap one = heaps.open(memory, MIB);
    PooledHeap other = heaps.open(memory, MIB);
    retained.add(one.pool);
    retained.add(other.pool);
    assertThat(retained.excess()).isEqualTo(-100 * KIB);
    allocateWriteClose(one, 64 * KIB);
    assertThat(retained.excess()).isEqualTo(-36 * KIB);
    allocateWriteClose(other, 64 * KIB, 64 * KIB);
    assertThat(retained.excess()).isEqualTo(92 * KIB);
    one.trim();
    assertThat(retained.excess()).isEqualTo(28 * KIB);
  }

  @ParameterizedTest
  @EnumSource
  void al7_zeroedWhileIdle_isZeroForEverybody(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, 4 * MIB);
    allocateWriteClose(heap, 4 * KIB, 4 * KIB, 64 * KIB, MIB);
    long idle = heap.statistics().idleBytes();
    heap.pool.returns.attend(ZEROED);
    assertThat(heap.statistics().idleBytes()).as("all are back").isEqualTo(idle);
    for (long size : new long[] {4 * KIB, 4 * KIB, 64 * KIB, MIB}) {
      DmaBuf buffer =
          heap.allocateUninterruptibly(AllocationRequest.of(size).uninitialized().build());
      try (Hold hold = buffer.hold()) {
        for (long at = 0; at < size; at += 512) {
          assertThat(hold.segment().get(ValueLayout.JAVA_BYTE, at)).isZero();
        }
      }
      buffer.close();
    }
    assertThat(heap.statistics().committedBytes()).as("none was new").isEqualTo(idle);
  }

  @ParameterizedTest
  @EnumSource
  void zeroing_whatIsBeingZeroed_isThereForMovesToo(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.open(memory, 16 * MIB);
    allocateWriteClose(heap, 16 * MIB);
    AtomicBoolean done = new AtomicBoolean();
    Thread timer =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!done.get()) {
                    heap.pool.returns.attend(ZEROED);
                  }
                });
    try {
      for (int round = 0; round < 200; round++) {
        Block block = heap.pool.takeForMove(16 * MIB, 1);
        assertThat(block).as("all of the heap is idle, in round " + round).isNotNull();
        block.written = true;
        heap.pool.release(block);
      }
    } finally {
      done.set(true);
      Await.joined(timer);
    }
  }

  @ParameterizedTest
  @EnumSource
  void zeroing_doesNotCountAsUse_idleBlocksDecayAllTheSame(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, MIB);
    allocateWriteClose(heap, 4 * KIB, 4 * KIB, 4 * KIB);
    heap.pool.returns.tick(); // all were in use since the last
    heap.pool.returns.attend(ZEROED);
    assertThat(heap.statistics().poolHits()).isZero();
    heap.pool.returns.tick();
    assertThat(heap.statistics().idleBytes()).isZero();
  }

  @Test
  void al7_zeroingOption_isHeededByTheTimer() {
    try (Heap heap = Heaps.open("offheap:system?limit=1MiB&decay=1h&zeroing=background")) {
      allocateWriteClose(heap, MIB);
      Await.until("its bytes are zero", () -> firstByteOfIdle(heap, MIB) == 0);
      assertThat(heap.statistics().committedBytes()).as("the same block").isEqualTo(MIB);
    }
  }

  /** What an allocation finds that takes what it gets. */
  private static byte firstByteOfIdle(Heap heap, long size) {
    AllocationRequest request = AllocationRequest.of(size).uninitialized().build();
    try (DmaBuf buffer = heap.allocateUninterruptibly(request);
        Hold hold = buffer.hold()) {
      return hold.segment().get(ValueLayout.JAVA_BYTE, 0);
    }
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "huge pages are asked for on Linux")
  void hugePages_askedForLargeBlocksAndNotForShared() throws IOException {
    try (Heap heap = Heaps.open("offheap:system?limit=64MiB&hugepages=true");
        DmaBuf large = heap.allocate(8 * MIB);
        DmaBuf small = heap.allocate(4 * KIB);
        Hold inLarge = large.hold();
        Hold inSmall = small.hold()) {
      assertThat(inLarge.address() % (2 * MIB)).isZero();
      String flags = flagsAt(inLarge.address());
      if (Files.exists(Path.of("/sys/kernel/mm/transparent_hugepage/enabled"))) {
        assertThat(flags).contains(" hg").doesNotContain(" nh");
        assertThat(flagsAt(inSmall.address())).contains(" nh").doesNotContain(" hg");
      }
    }
  }

  /** The kernel's flags of the mapping that an address is in. */
  private static String flagsAt(long address) throws IOException {
    boolean inside = false;
    for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        String[] ends = line.substring(0, line.indexOf(' ')).split("-", 2);
        inside =
            Long.parseUnsignedLong(ends[0], 16) <= address
                && address < Long.parseUnsignedLong(ends[1], 16);
      } else if (inside && line.startsWith("VmFlags:")) {
        return line;
      }
    }
    throw new AssertionError("no mapping at " + Long.toHexString(address));
  }
}
