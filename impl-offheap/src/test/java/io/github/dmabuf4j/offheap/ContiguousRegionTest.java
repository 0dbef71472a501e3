package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.RegionFixture.addressOf;
import static io.github.dmabuf4j.offheap.RegionFixture.assertAllFilled;
import static io.github.dmabuf4j.offheap.RegionFixture.assertFilled;
import static io.github.dmabuf4j.offheap.RegionFixture.fill;
import static io.github.dmabuf4j.offheap.RegionFixture.fillRegion;
import static io.github.dmabuf4j.offheap.RegionFixture.inRegion;
import static io.github.dmabuf4j.offheap.RegionFixture.movable;
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
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.FragmentationMap.Use;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the contiguous region of a heap promises: design rules AL2, AL4, AL5, AL6 and PN6. */
final class ContiguousRegionTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  // ---- who lies where ----

  @ParameterizedTest
  @EnumSource
  void al4_unmovableBuffers_neverLieInTheRegion_evenIfThePoolIsFull(TestMemory memory) {
    PooledHeap heap = heaps.openContiguous(memory, 4 * MIB, 3 * MIB);
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      buffers.add(heap.allocate(256 * KIB));
    }
    assertThatThrownBy(() -> heap.allocate(256 * KIB)).isInstanceOf(OutOfBuffersException.class);
    assertThat(regionOf(heap).statistics().freeBytes()).isEqualTo(3 * MIB);
    buffers.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void al4_movableBuffers_goWhereMostIsFree_andThenAnywhere(TestMemory memory) {
    PooledHeap heap = heaps.openContiguous(memory, 5 * MIB, 3 * MIB);
    List<DmaBuf> buffers = new ArrayList<>();
    buffers.add(movable(heap, MIB));
    assertThat(regionOf(heap).statistics().movableBytes()).isEqualTo(MIB);
    buffers.add(movable(heap, MIB)); // 2 MiB are free in each
    assertThat(regionOf(heap).statistics().movableBytes()).isEqualTo(MIB);
    while (buffers.size() < 5) {
      buffers.add(movable(heap, MIB));
    }
    assertThat(regionOf(heap).statistics().freeBytes()).isZero();
    assertThat(heap.statistics().liveBytes()).isEqualTo(5 * MIB);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(5);
    assertThat(heap.statistics().allocations()).isEqualTo(5);
    assertThatThrownBy(() -> movable(heap, KIB)).isInstanceOf(OutOfBuffersException.class);
    assertThat(heap.info().buffers()).hasSize(5);
    buffers.forEach(DmaBuf::close);
    assertThat(heap.statistics().liveBytes()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void region_countsAgainstTheLimit_fromOpeningToClose(TestMemory memory) {
    PooledHeap heap = heaps.openContiguous(memory, 4 * MIB, 3 * MIB);
    assertThat(heap.statistics().committedBytes()).isEqualTo(3 * MIB);
    assertThat(heap.trim()).isZero();
    assertThat(heap.statistics().allocations()).isZero();
    assertThatThrownBy(() -> heap.allocate(2 * MIB))
        .isInstanceOf(OutOfBuffersException.class)
        .hasMessageContaining("contiguous region has 3145728 B");
    heap.close();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThatThrownBy(() -> regionOf(heap).allocateContiguous(request(KIB, AllocPolicy.NO_FAIL)))
        .isInstanceOf(IllegalStateException.class);
  }

  @ParameterizedTest
  @EnumSource
  void heap_withBuffersInTheRegion_isClosedOnlyAfterThem(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 4 * MIB, 3 * MIB);
    DmaBuf movable =
        heap.allocate(AllocationRequest.of(KIB).movable().name("a movable one").build());
    DmaBuf contiguous =
        regionOf(heap)
            .allocateContiguous(AllocationRequest.of(KIB).name("a contiguous one").build());
    assertThatThrownBy(heap::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("a movable one")
        .hasMessageContaining("a contiguous one");
    movable(heap, KIB).close(); // open again
    movable.close();
    assertThat(heap.drain(Duration.ZERO)).isFalse();
    assertThatThrownBy(() -> movable(heap, KIB)).isInstanceOf(IllegalStateException.class);
    contiguous.close();
    assertThat(heap.drain(Duration.ofSeconds(60))).isTrue();
    assertThat(heap.statistics().committedBytes()).isZero();
  }

  // ---- clearing ----

  @ParameterizedTest
  @EnumSource
  void al4_contiguousRequest_movesMovableBuffersOut_withTheirContent(TestMemory memory)
      throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    List<DmaBuf> buffers = fillRegion(heap, 64 * KIB);
    long committed = heap.statistics().committedBytes();
    try (DmaBuf contiguous =
        regionOf(heap).allocateContiguous(request(2 * MIB, AllocPolicy.NORMAL))) {
      assertThat(addressOf(contiguous) % AllocationRequest.DEFAULT_ALIGNMENT).isZero();
      try (Hold hold = contiguous.hold()) {
        assertThat(hold.segment().get(ValueLayout.JAVA_LONG_UNALIGNED, MIB)).isZero();
        hold.segment().fill((byte) 0xff);
      }
      assertAllFilled(buffers);
      assertThat(heap.statistics().committedBytes())
          .isGreaterThanOrEqualTo(committed)
          .isLessThanOrEqualTo(8 * MIB);
      assertThat(heap.statistics().liveBuffers()).isEqualTo(65);
      assertThat(heap.statistics().allocations()).isEqualTo(65);
      assertThat(regionOf(heap).statistics().moves()).isGreaterThanOrEqualTo(32);
    }
    buffers.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void contiguousBuffer_isAlignedAsAsked(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    List<DmaBuf> buffers = fillRegion(heap, 12 * KIB);
    for (long alignment : new long[] {64 * KIB, MIB, 2 * MIB}) {
      AllocationRequest request = AllocationRequest.of(300 * KIB).alignment(alignment).build();
      try (DmaBuf contiguous = regionOf(heap).allocateContiguous(request)) {
        assertThat(addressOf(contiguous) % alignment).isZero();
      }
    }
    buffers.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void al5_idleMapping_keepsNobodyAtTheOldPlace(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    DmaBuf buffer = inRegion(heap, 64 * KIB);
    fill(buffer, 1); // which leaves a mapping
    long before = addressOf(buffer);
    try (DmaBuf all = regionOf(heap).allocateContiguous(request(4 * MIB, AllocPolicy.NORMAL))) {
      fill(all, 2);
      assertThat(addressOf(buffer)).isNotEqualTo(before);
      assertFilled(buffer, 1);
    }
    buffer.close();
  }

  @ParameterizedTest
  @EnumSource
  void pn5_importers_areTold_andFindTheBytesAgain(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    DmaBuf buffer = inRegion(heap, 64 * KIB);
    AtomicInteger told = new AtomicInteger();
    Importer importer =
        new Importer() {
          @Override
          public String name() {
            return "a device";
          }

          @Override
          public boolean isDynamic() {
            return true;
          }

          @Override
          public void moveNotify(Attachment attachment) {
            told.incrementAndGet();
          }
        };
    try (Attachment _ = buffer.attach(importer)) {
      regionOf(heap).allocateContiguous(request(4 * MIB, AllocPolicy.NORMAL)).close();
    }
    assertThat(told).hasValue(1);
    buffer.close();
  }

  @ParameterizedTest
  @EnumSource
  void importerThatFails_keepsItsBufferInPlace_andLosesNothing(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 8 * MIB, 4 * MIB);
    DmaBuf buffer = inRegion(heap, 64 * KIB);
    fill(buffer, 3);
    long before = addressOf(buffer);
    Importer importer =
        new Importer() {
          @Override
          public String name() {
            return "a device";
          }

          @Override
          public boolean isDynamic() {
            return true;
          }

          @Override
          public void moveNotify(Attachment attachment) {
            throw new IllegalStateException("thrown on purpose");
          }
        };
    try (Attachment _ = buffer.attach(importer)) {
      assertThatThrownBy(
              () -> regionOf(heap).allocateContiguous(request(4 * MIB, AllocPolicy.NORMAL)))
          .isInstanceOf(OutOfBuffersException.class);
    }
    assertThat(addressOf(buffer)).isEqualTo(before);
    assertFilled(buffer, 3);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    regionOf(heap).allocateContiguous(request(4 * MIB, AllocPolicy.NORMAL)).close();
    buffer.close();
  }

  @ParameterizedTest
  @EnumSource
  void region_withoutRoomToMoveTo_refuses_andTheLimitHolds(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 5 * MIB, 4 * MIB);
    List<DmaBuf> buffers = fillRegion(heap, 512 * KIB);
    DmaBuf plain = heap.allocate(MIB);
    assertThatThrownBy(() -> regionOf(heap).allocateContiguous(request(MIB, AllocPolicy.TRY_HARD)))
        .isInstanceOf(OutOfBuffersException.class)
        .hasMessageContaining("leave room outside");
    assertThat(heap.statistics().committedBytes()).isEqualTo(5 * MIB);
    plain.close(); // idle now: given back for those that move
    regionOf(heap).allocateContiguous(request(MIB, AllocPolicy.NORMAL)).close();
    assertAllFilled(buffers);
    buffers.forEach(DmaBuf::close);
  }

  // ---- pins ----

  @ParameterizedTest
  @EnumSource
  void pn6_longPin_movesOut_orSaysWhyNot(TestMemory memory) {
    PooledHeap heap = heaps.openContiguous(memory, 4 * MIB, 3 * MIB);
    DmaBuf buffer = movable(heap, MIB);
    fill(buffer, 5);
    assertThat(regionOf(heap).statistics().movableBuffers()).isEqualTo(1);
    DmaBuf plain = heap.allocate(MIB);
    DmaBufException noRoom =
        catchThrowableOfType(DmaBufException.class, () -> pin(buffer, Pin.Term.LONG));
    assertThat(noRoom.errno()).contains(Errno.ENOMEM);
    assertThat(noRoom).hasMessageContaining("no room elsewhere");
    plain.close();
    Pin pin = pin(buffer, Pin.Term.LONG);
    assertThat(regionOf(heap).statistics().movableBuffers()).isZero();
    assertThat(heap.statistics().pinnedBytes()).isEqualTo(MIB);
    assertFilled(buffer, 5);
    unpin(buffer, pin);
    buffer.close();
  }

  // ---- compaction, maps ----

  @ParameterizedTest
  @EnumSource
  void compact_movesBuffersTogether_andPassesByWhatIsInUse(TestMemory memory) {
    PooledHeap heap = heaps.openContiguous(memory, 16 * MIB, 4 * MIB);
    List<DmaBuf> buffers = fillRegion(heap, 64 * KIB);
    for (int i = 0; i < 64; i += 2) {
      buffers.get(i).close();
    }
    assertThat(regionOf(heap).statistics().largestFreeBytes()).isEqualTo(64 * KIB);
    assertThat(regionOf(heap).map().fragmentation()).isGreaterThan(0.9);
    long address = addressOf(buffers.get(33));
    try (Hold hold = buffers.get(33).hold()) {
      assertThat(regionOf(heap).compact()).isGreaterThan(0);
      assertThat(hold.address()).isEqualTo(address);
    }
    assertThat(regionOf(heap).statistics().largestFreeBytes()).isGreaterThanOrEqualTo(MIB);
    regionOf(heap).compact();
    assertThat(regionOf(heap).statistics().largestFreeBytes()).isEqualTo(2 * MIB);
    assertThat(regionOf(heap).map().fragmentation()).isZero();
    for (int i = 1; i < 64; i += 2) {
      assertFilled(buffers.get(i), i);
      buffers.get(i).close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void info_showsTheMap_asTextWithALegend(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, 2 * MIB, MIB);
    DmaBuf movable = inRegion(heap, 64 * KIB);
    DmaBuf contiguous = regionOf(heap).allocateContiguous(request(128 * KIB, AllocPolicy.NORMAL));
    BufInfo info = heap.info();
    assertThat(info.buffers()).hasSize(2);
    assertThat(info.region().orElseThrow().text(64 * KIB)).isEqualTo("m.............CC");
    assertThat(info.toString()).contains("CCCC").contains("m movable").contains("832 KiB free");
    movable.close();
    contiguous.close();
    assertThat(heap.info().region().orElseThrow().bytes(Use.FREE)).isEqualTo(MIB);
  }
}
