package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(value = OS.LINUX, disabledReason = "anonymous mappings of Linux")
final class LinuxMemoryTest {
  private final LinuxMemory memory = new LinuxMemory(false);

  @Test
  void map_everyAlignment_isHonoured() throws SlabMemoryException {
    for (long alignment = 1; alignment <= memory.maxAlignment(); alignment *= 2) {
      SlabMemory.Region region = memory.map(5 * SizeClasses.PAGE, alignment, alignment % 3 == 0);
      assertThat(region.address() % alignment).isZero();
      assertThat(region.segment().byteSize()).isEqualTo(5 * SizeClasses.PAGE);
      region.segment().fill((byte) 1);
      region.arena().close();
    }
  }

  @Test
  void map_moreThanThereIs_saysWhichCallFailed() {
    assertThatThrownBy(() -> memory.map(1L << 60, 1, false))
        .isInstanceOf(SlabMemoryException.class)
        .hasMessageContaining("mmap of " + (1L << 60))
        .hasMessageContaining("ENOMEM");
  }

  @Test
  void decommit_touchedPages_areZeroAgain() throws SlabMemoryException {
    SlabMemory.Region region = memory.map(MIB, 2 * MIB, true);
    region.segment().fill((byte) 1);
    long unit = memory.pageSize();
    assertThat(memory.decommit(region, unit, 2 * unit)).isTrue();
    assertThat(region.segment().get(ValueLayout.JAVA_BYTE, unit - 1)).isEqualTo((byte) 1);
    assertThat(region.segment().get(ValueLayout.JAVA_BYTE, unit)).isZero();
    assertThat(region.segment().get(ValueLayout.JAVA_BYTE, 3 * unit - 1)).isZero();
    assertThat(region.segment().get(ValueLayout.JAVA_BYTE, 3 * unit)).isEqualTo((byte) 1);
    region.arena().close();
  }

  @Test
  void poolSegment_slabUnmapped_throwsInsteadOfCrashing() {
    MemorySegment stale;
    try (PooledHeap heap = TestMemory.MAPPED.open(MIB)) {
      Pool pool = heap.pool;
      Block block = commit(pool);
      stale = block.segment(100);
      stale.fill((byte) 1);
      pool.magazines.push(block);
    }
    assertThatThrownBy(() -> stale.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  private static Block commit(Pool pool) {
    try {
      Block block =
          pool.slabs.commit(
              new Wanted(100, SizeClasses.PAGE, 0, 1, io.github.dmabuf4j.AllocPolicy.NORMAL), true);
      assertThat(block).isNotNull();
      return block;
    } catch (SlabMemoryException e) {
      throw new AssertionError(e);
    }
  }
}
