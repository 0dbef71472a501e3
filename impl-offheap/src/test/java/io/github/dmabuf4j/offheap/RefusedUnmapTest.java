package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import java.lang.ref.WeakReference;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Native code that runs with a POOL segment keeps its slab from being unmapped, for as long as it
 * runs. Nothing decays here.
 */
@Timeout(60)
final class RefusedUnmapTest {
  private static PooledHeap open(RecordingMemory memory) {
    return PooledHeap.open("offheap:test", new HeapOptions(MIB, MIB, Duration.ofHours(1)), memory);
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "slabs are shared on Linux only")
  void sharedSlab_refusedAtClose_isUnmappedWhenNativeCodeIsDone() {
    RecordingMemory memory = new RecordingMemory(TestMemory.MAPPED.create());
    PooledHeap heap = open(memory);
    heap.allocate(100).close();
    memory.refusesToUnmap = true;
    heap.close();
    assertThat(heap.statistics().committedBytes()).as("its pages went back").isZero();
    assertThat(memory.live()).as("its address space did not").isEqualTo(1);
    memory.refusesToUnmap = false;
    Await.until("the slab is unmapped", () -> memory.live() == 0);
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "slabs are shared on Linux only")
  void sharedSlab_refused_isUsedAgain() {
    RecordingMemory memory = new RecordingMemory(TestMemory.MAPPED.create());
    try (PooledHeap heap = open(memory)) {
      heap.allocate(100).close();
      memory.refusesToUnmap = true;
      heap.trim();
      heap.pool.slabs.empty.unmap();
      try (DmaBuf buffer = heap.allocate(200)) {
        assertThat(memory.mapped).as("no second slab for %s", buffer).hasValue(1);
      }
      memory.refusesToUnmap = false;
    }
    assertThat(memory.live()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void drainedAndLostHeap_refused_isUnmappedWhenNativeCodeIsDone(TestMemory kind) {
    RecordingMemory memory = new RecordingMemory(kind.create());
    WeakReference<Pool> lost = drainRefused(memory);
    System.gc();
    memory.refusesToUnmap = false;
    Await.until("the slab is unmapped", () -> memory.live() == 0);
    Await.until(
        "the pool is collected then",
        () -> {
          System.gc();
          return lost.get() == null;
        });
  }

  private static WeakReference<Pool> drainRefused(RecordingMemory memory) {
    PooledHeap heap = open(memory);
    heap.allocate(100).close();
    memory.refusesToUnmap = true;
    heap.pool.lifecycle.beginDraining();
    assertThat(memory.live()).isEqualTo(1);
    return new WeakReference<>(heap.pool);
  }

  @Test
  void slabOfOneBlock_refused_staysInTheAccountAndGoesBackWhenNativeCodeIsDone() {
    RecordingMemory memory = new RecordingMemory(TestMemory.ARENA.create());
    try (PooledHeap heap = open(memory)) {
      heap.allocate(100).close();
      memory.refusesToUnmap = true;
      assertThat(heap.trim()).isZero();
      assertThat(heap.statistics().committedBytes()).isEqualTo(4096);
      memory.refusesToUnmap = false;
      Await.until("it went back", () -> heap.statistics().committedBytes() == 0);
    }
  }
}
