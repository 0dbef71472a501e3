package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import org.junit.jupiter.api.Test;

/** The guard of the other tests must itself notice a leak. */
final class HeapGuardTest {
  @Test
  void check_bufferLeftOpen_failsNamingIt() {
    HeapGuard guard = new HeapGuard();
    PooledHeap heap = guard.open(TestMemory.ARENA, TestMemory.MIB);
    try (DmaBuf forgotten =
        heap.allocateUninterruptibly(AllocationRequest.of(10).name("forgotten").build())) {
      assertThatThrownBy(guard::check)
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining(forgotten.name());
    }
    heap.close();
  }

  @Test
  void check_idleBlocksLeft_closesTheHeap() {
    HeapGuard guard = new HeapGuard();
    PooledHeap heap = guard.open(TestMemory.ARENA, TestMemory.MIB);
    heap.allocate(10).close();
    assertThatCode(guard::check).doesNotThrowAnyException();
    assertThatThrownBy(() -> heap.allocate(10)).isInstanceOf(IllegalStateException.class);
  }
}
