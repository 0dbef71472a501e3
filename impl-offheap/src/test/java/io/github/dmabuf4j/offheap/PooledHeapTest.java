package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.Signalling;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What one thread sees of a heap. */
@Timeout(60)
final class PooledHeapTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private static AllocationRequest uninitialized(long size) {
    return AllocationRequest.of(size).uninitialized().build();
  }

  private static long addressOf(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return hold.address();
    }
  }

  private static void fill(DmaBuf buffer, int value) {
    try (Hold hold = buffer.hold()) {
      hold.segment().fill((byte) value);
    }
  }

  private static boolean isZero(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return hold.segment().mismatch(MemorySegment.ofArray(new byte[(int) buffer.size()])) == -1;
    }
  }

  // ---- sizes ----

  @ParameterizedTest
  @EnumSource
  void allocate_anySize_hasThatSizeAndIsCharged(TestMemory memory) {
    Heap heap = heaps.open(memory, 256 * MIB);
    for (long size :
        new long[] {
          1,
          2,
          255,
          256,
          257,
          4095,
          4096,
          4097,
          8191,
          65536,
          65537,
          MIB,
          MIB + 1,
          3_110_400,
          64 * MIB,
          64 * MIB + 1
        }) {
      try (DmaBuf buffer = heap.allocate(size)) {
        assertThat(buffer.size()).isEqualTo(size);
        try (Hold hold = buffer.hold()) {
          assertThat(hold.segment().byteSize()).isEqualTo(size);
          hold.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
          hold.segment().set(ValueLayout.JAVA_BYTE, size - 1, (byte) 2);
        }
        long pages = SizeClasses.pages(size) * SizeClasses.PAGE;
        assertThat(heap.statistics().liveBytes()).isBetween(pages, pages + pages / 8);
      }
      heap.trim();
    }
    assertThat(heap.statistics().committedBytes()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void allocate_hugeSizes_failNamingTheLimit(TestMemory memory) {
    Heap heap = heaps.open(memory, MIB);
    for (long size :
        new long[] {
          MIB + 1, 1L << 40, Long.MAX_VALUE - 5000, Long.MAX_VALUE - 4094, Long.MAX_VALUE
        }) {
      for (AllocPolicy policy : AllocPolicy.values()) {
        assertThatThrownBy(() -> heap.allocate(AllocationRequest.of(size).policy(policy).build()))
            .isInstanceOfSatisfying(
                OutOfBuffersException.class,
                e -> {
                  assertThat(e.requestedBytes()).isEqualTo(size);
                  assertThat(e.limitBytes()).isEqualTo(MIB);
                })
            .hasMessageContaining(Long.toString(size))
            .hasMessageContaining("1 MiB")
            .hasMessageContaining("limit");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocate_allOfTheLimit_works(TestMemory memory) {
    for (long pages : new long[] {1, 7, 17, 300, 1000}) { // 17, 300 and 1000 pages are no class
      long limit = pages * SizeClasses.PAGE;
      try (Heap heap = memory.open(limit)) {
        for (int i = 0; i < 3; i++) {
          try (DmaBuf buffer = heap.allocate(limit)) {
            assertThat(buffer.size()).isEqualTo(limit);
            assertThat(heap.statistics().committedBytes()).isEqualTo(limit);
            assertThatThrownBy(() -> heap.allocate(1)).isInstanceOf(OutOfBuffersException.class);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocate_frame_hasItsLayout(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 16 * MIB);
    FrameLayout layout = FrameLayout.builder(PixelFormat.I420, 720, 405).build();
    try (DmaBuf frame = heap.allocate(AllocationRequest.of(layout).name("frame 1").build())) {
      assertThat(frame.layout()).contains(layout);
      assertThat(frame.name()).isEqualTo("frame 1");
      assertThat(frame.size()).isEqualTo(layout.totalBytes());
    }
    try (DmaBuf plain = heap.allocate(layout.totalBytes())) {
      assertThat(plain.layout()).as("nothing is left of the block's last user").isEmpty();
      assertThat(plain.name()).startsWith("offheap:test#");
    }
  }

  // ---- alignment ----

  @ParameterizedTest
  @EnumSource
  void allocate_alignment_isHonouredAndRecycled(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * MIB);
    for (long alignment = 1; alignment <= 2 * MIB; alignment *= 2) {
      AllocationRequest request = AllocationRequest.of(5000).alignment(alignment).build();
      List<DmaBuf> buffers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        DmaBuf buffer = heap.allocate(request);
        assertThat(addressOf(buffer) % Math.max(256, alignment)).isZero();
        fill(buffer, 7);
        buffers.add(buffer);
      }
      buffers.forEach(DmaBuf::close);
      long hits = heap.statistics().poolHits();
      try (DmaBuf again = heap.allocate(request)) {
        assertThat(addressOf(again) % alignment).isZero();
        assertThat(isZero(again)).isTrue();
      }
      assertThat(heap.statistics().poolHits()).isEqualTo(hits + 1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocate_alignmentBeyondTheMaximum_isRefusedNamingIt(TestMemory memory) {
    Heap heap = heaps.open(memory, 64 * MIB);
    long maximum = memory.create().maxAlignment();
    assertThatThrownBy(() -> heap.allocate(AllocationRequest.of(1).alignment(2 * maximum).build()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Long.toString(maximum))
        .hasMessageContaining(Long.toString(2 * maximum));
    assertThatThrownBy(() -> heap.allocate(AllocationRequest.of(1).alignment(1L << 62).build()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  // ---- content ----

  @ParameterizedTest
  @EnumSource
  void allocate_recycledBlock_isZeroedUnlessToldOtherwise(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, 16 * MIB);
    for (long size : new long[] {1, 5000, 300_000, 3_110_400}) {
      try (DmaBuf fresh = heap.allocate(size)) {
        assertThat(isZero(fresh)).isTrue();
        fill(fresh, 0xab);
      }
      long address;
      try (DmaBuf recycled = heap.allocate(uninitialized(size))) {
        address = addressOf(recycled);
        assertThat(isZero(recycled)).as("not touched").isFalse();
      }
      try (DmaBuf recycled = heap.allocate(size)) {
        assertThat(addressOf(recycled)).as("the same block").isEqualTo(address);
        assertThat(isZero(recycled)).isTrue();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void allocate_afterTrim_isZero(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, 16 * MIB);
    try (DmaBuf keepsTheSlab = heap.allocate(1)) {
      try (DmaBuf dirty = heap.allocate(uninitialized(100_000))) {
        fill(dirty, 0xcd);
      }
      heap.trim();
      try (DmaBuf again = heap.allocate(100_000)) {
        assertThat(isZero(again)).isTrue();
      }
      assertThat(isZero(keepsTheSlab)).isTrue();
    }
  }

  // ---- policies and the limit ----

  @ParameterizedTest
  @EnumSource
  void allocate_limitReached_failsSayingWhoHoldsWhat(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, 64 * KIB);
    List<DmaBuf> held = new ArrayList<>();
    for (int i = 0; i < 15; i++) {
      held.add(
          heap.allocate(
              AllocationRequest.of(4096).name(i % 3 == 0 ? "decoder" : "encoder").build()));
    }
    held.add(heap.allocate(4096));
    try (Hold hold = held.getFirst().hold()) {
      assertThat(hold.segment().byteSize()).isEqualTo(4096);
      for (AllocPolicy policy :
          List.of(
              AllocPolicy.NOWAIT,
              AllocPolicy.FAIL_FAST,
              AllocPolicy.NORMAL,
              AllocPolicy.TRY_HARD)) {
        assertThatThrownBy(() -> heap.allocate(AllocationRequest.of(5000).policy(policy).build()))
            .isInstanceOfSatisfying(
                OutOfBuffersException.class,
                e -> {
                  assertThat(e.requestedBytes()).isEqualTo(5000);
                  assertThat(e.committedBytes()).isEqualTo(64 * KIB);
                  assertThat(e.limitBytes()).isEqualTo(64 * KIB);
                })
            .hasMessageContaining("wanted 5000 B")
            .hasMessageContaining("limit 65536 B")
            .hasMessageContaining("10 × encoder: 40960 B")
            .hasMessageContaining("5 × decoder: 20480 B (20 KiB), references 6, holds 1")
            .hasMessageContaining("1 × (no name)")
            .hasMessageContaining("TRY_HARD or NO_FAIL");
      }
    }
    held.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void allocate_idleBlocksOfOtherSizes_areGivenBackForIt(TestMemory memory)
      throws InterruptedException {
    for (AllocPolicy policy :
        List.of(
            AllocPolicy.FAIL_FAST, AllocPolicy.NORMAL, AllocPolicy.TRY_HARD, AllocPolicy.NO_FAIL)) {
      Heap heap = heaps.open(memory, MIB);
      fillAndRelease(heap, 16, 64 * KIB);
      assertThat(heap.statistics().idleBytes()).isEqualTo(MIB);
      try (DmaBuf large = heap.allocate(AllocationRequest.of(512 * KIB).policy(policy).build())) {
        assertThat(large.size()).isEqualTo(512 * KIB);
        assertThat(heap.statistics().committedBytes()).isBetween(512 * KIB, MIB);
      }
    }
  }

  private static void fillAndRelease(Heap heap, int count, long size) {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      buffers.add(heap.allocate(size));
    }
    buffers.forEach(DmaBuf::close);
  }

  @ParameterizedTest
  @EnumSource
  void allocate_nowait_takesWhatIsThereAndReclaimsNothing(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    fillAndRelease(heap, 16, 64 * KIB);
    AllocationRequest other = AllocationRequest.of(4096).policy(AllocPolicy.NOWAIT).build();
    assertThatThrownBy(() -> heap.allocate(other)).isInstanceOf(OutOfBuffersException.class);
    assertThat(heap.statistics().idleBytes()).isEqualTo(MIB);
    try (DmaBuf same =
        heap.allocate(AllocationRequest.of(64 * KIB).policy(AllocPolicy.NOWAIT).build())) {
      assertThat(same.size()).isEqualTo(64 * KIB);
    }
    heap.trim();
    try (DmaBuf fresh = heap.allocate(other)) {
      assertThat(fresh.size()).isEqualTo(4096);
    }
  }

  @ParameterizedTest
  @EnumSource
  @EnabledIfSystemProperty(named = Lockdep.PROPERTY, matches = "true")
  void allocate_inSignallingSection_onlyNowaitMay(TestMemory memory) throws InterruptedException {
    Heap heap = heaps.open(memory, MIB);
    try (Signalling section = Signalling.begin()) {
      assertThat(section).isNotNull();
      for (AllocPolicy policy : AllocPolicy.values()) {
        AllocationRequest request = AllocationRequest.of(1).policy(policy).build();
        if (policy == AllocPolicy.NOWAIT) {
          heap.allocate(request).close();
        } else {
          assertThatThrownBy(() -> heap.allocate(request))
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining("lockdep");
        }
      }
    }
  }

  // ---- figures ----

  @ParameterizedTest
  @EnumSource
  void statistics_followTheBuffers(TestMemory memory) {
    Heap heap = heaps.open(memory, 128 * MIB);
    DmaBuf small = heap.allocate(1);
    DmaBuf frame = heap.allocate(3 * MIB);
    DmaBuf huge = heap.allocate(65 * MIB);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(3);
    assertThat(heap.statistics().liveBytes()).isEqualTo(4096 + 68 * MIB);
    assertThat(heap.statistics().committedBytes()).isEqualTo(4096 + 68 * MIB);
    assertThat(heap.info().buffers()).hasSize(3);
    assertThat(heap.info().totalBytes()).isEqualTo(1 + 68 * MIB);
    huge.close();
    frame.close();
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    assertThat(heap.info().buffers()).hasSize(1);
    heap.allocate(3 * MIB).close();
    assertThat(heap.statistics().allocations()).isEqualTo(4);
    assertThat(heap.statistics().poolHits()).isEqualTo(1);
    small.close();
    heap.trim();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(heap.statistics().idleBytes()).isZero();
    assertThat(heap.statistics().peakCommittedBytes()).isEqualTo(4096 + 68 * MIB);
    assertThat(heap.limitBytes()).isEqualTo(128 * MIB);
    assertThat(heap.name()).isEqualTo("offheap:test");
  }

  @ParameterizedTest
  @EnumSource
  void trim_returnsWhatItGaveBack(TestMemory memory) {
    Heap heap = heaps.open(memory, 16 * MIB);
    fillAndRelease(heap, 10, 64 * KIB);
    try (DmaBuf live = heap.allocate(MIB)) {
      assertThat(heap.trim()).isEqualTo(640 * KIB);
      assertThat(heap.trim()).isZero();
      assertThat(heap.statistics().committedBytes()).isEqualTo(live.size());
    }
  }

  @ParameterizedTest
  @EnumSource
  void attachment_mapsTheBufferAsOnePiece(TestMemory memory) {
    Heap heap = heaps.open(memory, MIB);
    Importer importer = () -> "test importer";
    try (DmaBuf buffer = heap.allocate(5000);
        Attachment attachment = buffer.attach(importer)) {
      assertThat(heap.info().buffers().getFirst().attachments())
          .extracting(BufInfo.Attached::importer)
          .containsExactly("test importer");
      buffer.reservation().lock();
      try {
        List<MemorySegment> pieces = attachment.map(Access.READ).segments();
        assertThat(pieces).hasSize(1);
        assertThat(pieces.getFirst().byteSize()).isEqualTo(5000);
        assertThat(pieces.getFirst().isReadOnly()).isTrue();
        attachment.unmap();
        assertThat(attachment.map(Access.READ_WRITE).segments().getFirst().isReadOnly()).isFalse();
        attachment.unmap();
      } finally {
        buffer.reservation().unlock();
      }
    }
  }
}
