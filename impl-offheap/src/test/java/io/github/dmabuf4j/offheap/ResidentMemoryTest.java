package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Hold;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The account of committed bytes against what the kernel says of this process. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "reads /proc/self/smaps_rollup")
@Timeout(60)
final class ResidentMemoryTest {
  private static final long SLACK = 24 * MIB; // what the JVM itself does meanwhile
  private static final long MUCH = 300_000_000;

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private static long anonymousBytes() {
    try {
      return Files.readAllLines(Path.of("/proc/self/smaps_rollup")).stream()
          .filter(line -> line.startsWith("Anonymous:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * KIB)
          .sum();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static List<DmaBuf> fill(Heap heap, long size, long total) {
    List<DmaBuf> buffers = new ArrayList<>();
    for (long bytes = 0; bytes < total; bytes += size) {
      DmaBuf buffer = heap.allocate(size);
      try (Hold hold = buffer.hold()) {
        hold.segment().fill((byte) 1);
      }
      buffers.add(buffer);
    }
    return buffers;
  }

  @ParameterizedTest
  @ValueSource(longs = {256 * KIB, 3 * MIB, 100 * MIB})
  void trim_touchedBlocks_returnsTheirPages(long size) {
    long total = 200 * MIB;
    Heap heap = heaps.open(TestMemory.MAPPED, 210 * MIB);
    fill(heap, size, total - size).forEach(DmaBuf::close); // lets the Java heap grow
    heap.trim();
    long before = anonymousBytes();
    List<DmaBuf> buffers = fill(heap, size, total - size);
    long committed = heap.statistics().committedBytes();
    assertThat(anonymousBytes() - before)
        .isBetween(committed - committed / 8 - SLACK, committed + SLACK);
    buffers.forEach(DmaBuf::close);
    heap.trim();
    assertThat(anonymousBytes() - before).isLessThan(SLACK);
  }

  @ParameterizedTest
  @ValueSource(longs = {4 * KIB, 20 * KIB, 64 * KIB, 1024 * KIB})
  void trim_slabPartlyInUse_returnsExactlyThePagesOfIdleBlocks(long size) {
    Heap heap = heaps.open(TestMemory.MAPPED, 64 * MIB);
    List<DmaBuf> buffers = fill(heap, size, 48 * MIB);
    long[] addresses = buffers.stream().mapToLong(ResidentMemoryTest::addressOf).toArray();
    for (int i = 0; i < addresses.length; i++) {
      assertThat(presentBytes(addresses[i], size)).isEqualTo(size);
      if (i % 16 != 0) { // so that no slab becomes empty
        buffers.get(i).close();
      }
    }
    heap.trim();
    for (int i = 0; i < addresses.length; i++) {
      assertThat(presentBytes(addresses[i], size)).isEqualTo(i % 16 == 0 ? size : 0);
    }
    buffers.forEach(DmaBuf::close);
  }

  @Test
  void trim_blocksZeroedWhileIdle_returnsTheirPages() {
    PooledHeap heap = heaps.open(TestMemory.MAPPED, 8 * MIB);
    List<DmaBuf> buffers = fill(heap, 256 * KIB, 4 * MIB);
    DmaBuf staying = buffers.removeFirst(); // so that the slab doesn't become empty
    long[] addresses = buffers.stream().mapToLong(ResidentMemoryTest::addressOf).toArray();
    buffers.forEach(DmaBuf::close);
    heap.pool.returns.attend(new Retention(Duration.ofHours(1), Long.MAX_VALUE, true));
    heap.trim();
    for (long address : addresses) {
      assertThat(presentBytes(address, 256 * KIB)).isZero();
    }
    staying.close();
  }

  private static long presentBytes(long[] addresses, long bytes) {
    return Arrays.stream(addresses).map(address -> presentBytes(address, bytes)).sum();
  }

  private static long addressOf(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return hold.address();
    }
  }

  /** The first round lets the Java heap grow. */
  @ParameterizedTest
  @ValueSource(longs = {MIB, 3_110_400})
  void purge_of300Megabytes_returnsTheirPages(long size) {
    Heap heap = heaps.open(TestMemory.MAPPED, 400 * MIB);
    for (int round = 0; round < 2; round++) {
      List<DmaBuf> buffers = fill(heap, size, MUCH);
      buffers.forEach(ResidentMemoryTest::offer);
      long before = anonymousBytes();
      assertThat(heap.shrinker().reclaim(Long.MAX_VALUE, AllocPolicy.FAIL_FAST))
          .isEqualTo(buffers.size() * size);
      long gone = before - anonymousBytes();
      if (round == 1) {
        assertThat(gone).isGreaterThanOrEqualTo(MUCH / 100 * 95);
      }
      assertThat(buffers)
          .allMatch(buffer -> buffer.info().residency() == BufferObject.Residency.PURGED);
      buffers.forEach(DmaBuf::close);
    }
  }

  /**
   * Looks at the buffers' own pages, for the test's store compresses in the Java heap. What is
   * stored may have some of them afterwards.
   */
  @ParameterizedTest
  @ValueSource(longs = {MIB, 3_110_400})
  void evict_of300Megabytes_returnsTheirPages_lessWhatIsStored(long size) {
    PooledHeap heap = heaps.open(TestMemory.MAPPED, 400 * MIB);
    heap.pool.openStore(DeflatingStore::new);
    List<DmaBuf> buffers = fill(heap, size, MUCH);
    long[] addresses = buffers.stream().mapToLong(ResidentMemoryTest::addressOf).toArray();
    long before = presentBytes(addresses, size);
    assertThat(before).isGreaterThanOrEqualTo(MUCH / 100 * 99);
    assertThat(heap.shrinker().reclaim(Long.MAX_VALUE, AllocPolicy.NORMAL))
        .isEqualTo(buffers.size() * size);
    long stored = heap.pool.ownBytes();
    assertThat(stored).isBetween(1L, MUCH / 4);
    long gone = before - presentBytes(addresses, size);
    assertThat(gone + stored).isGreaterThanOrEqualTo(MUCH / 100 * 95);
    assertThat(buffers)
        .allMatch(buffer -> buffer.info().residency() == BufferObject.Residency.EVICTED);
    buffers.forEach(DmaBuf::close);
  }

  private static void offer(DmaBuf buffer) {
    buffer.reservation().lock();
    try {
      assertThat(buffer.advise(Advice.DONT_NEED)).isTrue();
    } finally {
      buffer.reservation().unlock();
    }
  }

  /**
   * How much of a range is in memory, or in swap, by /proc/self/pagemap: 8 bytes per page, of which
   * bits 63 and 62 say so.
   */
  private static long presentBytes(long address, long bytes) {
    long page = new LinuxMemory(false).pageSize();
    int pages = (int) (bytes / page);
    try (FileChannel pagemap = FileChannel.open(Path.of("/proc/self/pagemap"))) {
      ByteBuffer entries = ByteBuffer.allocate(8 * pages).order(ByteOrder.nativeOrder());
      while (entries.hasRemaining()
          && pagemap.read(entries, address / page * 8 + entries.position()) > 0) {}
      long present = 0;
      for (int i = 0; i < pages; i++) {
        present += entries.getLong(8 * i) >>> 62 == 0 ? 0 : page;
      }
      return present;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void allocate_untouched_costsNoMemory() {
    Heap heap = heaps.open(TestMemory.MAPPED, 256 * MIB);
    long before = anonymousBytes();
    try (DmaBuf large = heap.allocate(200 * MIB)) {
      assertThat(anonymousBytes() - before).as("fresh pages need no zeroing").isLessThan(SLACK);
      assertThat(heap.statistics().committedBytes()).isEqualTo(large.size());
    }
  }
}
