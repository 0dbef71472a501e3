package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.RegionFixture.assertAllFilled;
import static io.github.dmabuf4j.offheap.RegionFixture.fillRegion;
import static io.github.dmabuf4j.offheap.RegionFixture.inRegion;
import static io.github.dmabuf4j.offheap.RegionFixture.pin;
import static io.github.dmabuf4j.offheap.RegionFixture.regionOf;
import static io.github.dmabuf4j.offheap.RegionFixture.request;
import static io.github.dmabuf4j.offheap.RegionFixture.unpin;
import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.FragmentationMap.Use;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What each policy does where a contiguous range is wanted: design rules AL2, AL6 and PN2. */
final class ContiguousPolicyTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  @ParameterizedTest
  @EnumSource
  void al2_noWait_takesWhatIsFree_andMovesNothing(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    List<DmaBuf> buffers = fillRegion(heap, MIB);
    assertThatThrownBy(() -> regionOf(heap).allocateContiguous(request(KIB, AllocPolicy.NOWAIT)))
        .isInstanceOf(OutOfBuffersException.class);
    long moves = regionOf(heap).statistics().moves();
    buffers.removeFirst().close();
    regionOf(heap).allocateContiguous(request(MIB, AllocPolicy.NOWAIT)).close();
    assertThat(regionOf(heap).statistics().moves()).isEqualTo(moves);
    buffers.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void al2_neverFits_isRefusedByEveryPolicyAtOnce(TestMemory memory) {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    for (AllocPolicy policy : AllocPolicy.values()) {
      OutOfBuffersException refusal =
          catchThrowableOfType(
              OutOfBuffersException.class,
              () -> regionOf(heap).allocateContiguous(request(4 * MIB + 1, policy)));
      assertThat(refusal).hasMessageContaining("?contiguous=").hasMessageContaining("only");
    }
  }

  @ParameterizedTest
  @EnumSource
  void al2_noFail_outlastsAHold(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    DmaBuf buffer = inRegion(heap, 64 * KIB);
    Hold hold = buffer.hold(ArenaKind.SHARED);
    ReservedRegion region = Objects.requireNonNull(heap.pool.region);
    long busy = region.migration.busy();
    Thread user =
        Thread.ofPlatform()
            .start(
                () -> {
                  Await.until("the range is tried", () -> region.migration.busy() > busy + 1);
                  hold.close();
                });
    regionOf(heap).allocateContiguous(request(4 * MIB, AllocPolicy.NO_FAIL)).close();
    user.join();
    buffer.close();
  }

  @ParameterizedTest
  @EnumSource
  void al2_noFail_givesUpAtOnce_ifEachRangeHasALongPin_andNamesThem(TestMemory memory)
      throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 16 * MIB, 8 * MIB);
    List<DmaBuf> all = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      all.add(
          regionOf(heap)
              .allocateContiguous(AllocationRequest.of(MIB).name("scan-out " + i).build()));
    }
    List<Pin> pins = new ArrayList<>();
    for (int i = 0; i < 8; i += 2) {
      pins.add(pin(all.get(i), Pin.Term.LONG));
      all.get(i + 1).close();
    }
    for (AllocPolicy policy : List.of(AllocPolicy.NO_FAIL, AllocPolicy.TRY_HARD)) {
      OutOfBuffersException refusal =
          catchThrowableOfType(
              OutOfBuffersException.class,
              () -> regionOf(heap).allocateContiguous(request(2 * MIB, policy)));
      assertThat(refusal).hasMessageContaining("each range has a buffer that is pinned for long");
      for (int i = 0; i < 8; i += 2) {
        assertThat(refusal).hasMessageContaining("scan-out " + i);
      }
      assertThat(refusal.requestedBytes()).isEqualTo(2 * MIB);
    }
    assertThat(regionOf(heap).map().bytes(Use.LONG_PINNED)).isEqualTo(4 * MIB);
    regionOf(heap).allocateContiguous(request(MIB, AllocPolicy.NO_FAIL)).close();
    for (int i = 0; i < 8; i += 2) {
      unpin(all.get(i), pins.get(i / 2));
      all.get(i).close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void al2_noFail_waitsForAContiguousBuffer_andIsInterruptible(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    DmaBuf first = regionOf(heap).allocateContiguous(request(3 * MIB, AllocPolicy.NORMAL));
    List<DmaBuf> got = new ArrayList<>();
    Thread waiter =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    got.add(
                        regionOf(heap).allocateContiguous(request(2 * MIB, AllocPolicy.NO_FAIL)));
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    Await.until("it waits", () -> waiter.getState() == Thread.State.TIMED_WAITING);
    first.close();
    waiter.join();
    assertThat(got).hasSize(1);
    Thread interrupted =
        Thread.ofPlatform()
            .start(
                () ->
                    assertThatThrownBy(
                            () ->
                                regionOf(heap)
                                    .allocateContiguous(request(4 * MIB, AllocPolicy.NO_FAIL)))
                        .isInstanceOf(InterruptedException.class));
    interrupted.interrupt();
    interrupted.join();
    got.getFirst().close();
  }

  @ParameterizedTest
  @EnumSource
  void pn2_busyBuffers_stayWhereTheyAre_andAnotherRangeIsTaken(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    List<DmaBuf> buffers = fillRegion(heap, 512 * KIB);
    FenceContext device = FenceContext.create("device");
    Pin pin = pin(buffers.get(1), Pin.Term.SHORT);
    Fence fence = device.newFence();
    buffers.get(7).reservation().lock();
    buffers.get(7).reservation().reserve(1);
    buffers.get(7).reservation().add(fence, FenceUsage.BOOKKEEP);
    buffers.get(7).reservation().unlock();
    try (Hold hold = buffers.get(4).hold()) {
      long address = hold.address();
      for (AllocPolicy policy :
          List.of(AllocPolicy.FAIL_FAST, AllocPolicy.NORMAL, AllocPolicy.TRY_HARD)) {
        try (DmaBuf one = regionOf(heap).allocateContiguous(request(MIB, policy))) {
          assertThat(one.size()).isEqualTo(MIB);
        }
        assertThatThrownBy(() -> regionOf(heap).allocateContiguous(request(2 * MIB, policy)))
            .isInstanceOf(OutOfBuffersException.class)
            .hasMessageContaining("holds 1");
      }
      assertThat(hold.address()).isEqualTo(address);
    }
    device.signal(fence);
    try (DmaBuf one = regionOf(heap).allocateContiguous(request(5 * MIB / 2, AllocPolicy.NORMAL))) {
      assertThat(one.size()).isEqualTo(5 * MIB / 2);
    }
    unpin(buffers.get(1), pin);
    assertAllFilled(buffers);
    buffers.forEach(DmaBuf::close);
    device.close();
  }
}
