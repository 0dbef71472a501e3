package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Reservation;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A released buffer that something in flight still touches (design rule FN1). */
@Timeout(60)
final class QuarantineTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private static void add(DmaBuf buffer, Fence fence, FenceUsage usage) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      reservation.reserve(1);
      reservation.add(fence, usage);
    } finally {
      reservation.unlock();
    }
  }

  private static long addressOf(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return hold.address();
    }
  }

  @ParameterizedTest
  @EnumSource
  void close_fencePending_notReusedUntilItSignals(TestMemory memory) {
    Heap heap = heaps.open(memory, 1024 * KIB);
    for (FenceUsage usage : FenceUsage.values()) {
      FenceContext device = FenceContext.create("device");
      Fence fence = device.newFence();
      DmaBuf buffer = heap.allocate(4096);
      long address = addressOf(buffer);
      add(buffer, fence, usage);
      buffer.close();
      assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
      assertThat(heap.info().buffers()).singleElement().matches(BufInfo.Buffer::isQuarantined);
      assertThatThrownBy(buffer::size).isInstanceOf(IllegalStateException.class);
      heap.trim();
      try (DmaBuf other = heap.allocate(4096)) {
        assertThat(addressOf(other)).isNotEqualTo(address);
        device.signal(fence);
        try (DmaBuf again = heap.allocate(4096)) {
          assertThat(addressOf(again)).as("free at once").isEqualTo(address);
        }
      }
      assertThat(heap.statistics().liveBuffers()).isZero();
      heap.trim();
    }
  }

  @ParameterizedTest
  @EnumSource
  void quarantine_countsAgainstTheLimit_andIsNamed(TestMemory memory) {
    Heap heap = heaps.open(memory, 64 * KIB);
    FenceContext device = FenceContext.create("slow device");
    Fence fence = device.newFence();
    DmaBuf buffer = heap.allocate(64 * KIB);
    buffer.setName("frame");
    add(buffer, fence, FenceUsage.READ);
    buffer.close();
    assertThatThrownBy(() -> heap.allocate(1))
        .isInstanceOf(OutOfBuffersException.class)
        .hasMessageContaining("1 × frame")
        .hasMessageContaining("1 in quarantine")
        .hasMessageContaining("slow device");
    assertThatThrownBy(heap::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("frame");
    assertThat(heap.isClosed()).isFalse();
    device.fail(fence, new IllegalStateException("lost"));
    heap.allocate(1).close();
  }

  @ParameterizedTest
  @EnumSource
  void quarantine_lostProducer_endsIt(TestMemory memory) throws Exception {
    Heap heap = heaps.open(memory, 64 * KIB);
    FenceContext device = FenceContext.create("device");
    DmaBuf buffer = heap.allocate(64 * KIB);
    add(buffer, device.newFence(), FenceUsage.WRITE);
    buffer.close();
    CompletableFuture<DmaBuf> waiting =
        heap.allocateAsync(AllocationRequest.of(1).policy(AllocPolicy.NO_FAIL).build());
    assertThat(waiting).isNotDone();
    device.close();
    waiting.get(30, TimeUnit.SECONDS).close();
  }

  @ParameterizedTest
  @EnumSource
  void quarantine_severalFences_theLastOneEndsIt(TestMemory memory) {
    Heap heap = heaps.open(memory, 64 * KIB);
    FenceContext first = FenceContext.create("first");
    FenceContext second = FenceContext.create("second");
    Fence a = first.newFence();
    Fence b = second.newFence();
    DmaBuf buffer = heap.allocate(64 * KIB);
    add(buffer, a, FenceUsage.READ);
    add(buffer, b, FenceUsage.BOOKKEEP);
    buffer.close();
    first.signal(a);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    second.signal(b);
    assertThat(heap.statistics().liveBuffers()).isZero();
  }
}
