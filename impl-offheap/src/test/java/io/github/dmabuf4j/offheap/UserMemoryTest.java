package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.BufferRevokedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.UserMemory;
import io.github.dmabuf4j.UserMemory.Origin;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Buffers over memory of others (design rules UM1 to UM3). */
@Timeout(60)
final class UserMemoryTest {
  private static final long PAGE = new ArenaMemory().pageSize();

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private final PooledHeap heap = heap(64 * KIB);
  private final UserMemory user = heap.userMemory().orElseThrow();

  private PooledHeap heap(long userLimit) {
    return heaps.add(
        PooledHeap.open(
            "offheap:test",
            new HeapOptions(
                MIB,
                0,
                0,
                userLimit,
                Retention.of(Duration.ofHours(1)),
                false,
                Strategies.OWN,
                null,
                Watermarks.NONE,
                false),
            new ArenaMemory()));
  }

  /** Memory whose life its owner ends, and how often that happened. */
  private static final class Owned {
    final Arena arena = Arena.ofShared();
    final MemorySegment memory;
    final AtomicInteger freed = new AtomicInteger();

    Owned(long bytes) {
      memory = arena.allocate(bytes, PAGE);
    }

    void free() {
      freed.incrementAndGet();
      arena.close();
    }

    DmaBuf stealInto(UserMemory user) {
      return user.steal(memory.address(), memory.byteSize(), this::free);
    }
  }

  private static void add(DmaBuf buffer, Fence fence) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      reservation.reserve(1);
      reservation.add(fence, FenceUsage.READ);
    } finally {
      reservation.unlock();
    }
  }

  // ---- UM1: steal ----

  @Test
  void um1_steal_sharesTheBytes_andFreesThemOnceWithTheLastReference() throws Exception {
    Owned owned = new Owned(2 * PAGE);
    owned.memory.set(JAVA_BYTE, PAGE, (byte) 7);
    DmaBuf buffer = owned.stealInto(user);
    DmaBuf second = buffer.dup();
    assertThat(user.originOf(buffer)).isEqualTo(Origin.STOLEN);
    assertThat(user.usedBytes()).isEqualTo(2 * PAGE);
    assertThat(heap.statistics().committedBytes()).as("none of the heap's").isZero();
    byte read = buffer.read(bytes -> bytes.get(JAVA_BYTE, PAGE));
    assertThat(read).isEqualTo((byte) 7);
    buffer.write(bytes -> bytes.set(JAVA_BYTE, 0, (byte) 8));
    assertThat(owned.memory.get(JAVA_BYTE, 0)).isEqualTo((byte) 8);
    buffer.close();
    assertThat(owned.freed).hasValue(0);
    second.close();
    second.close();
    assertThat(owned.freed).hasValue(1);
    assertThat(user.usedBytes()).isZero();
  }

  @Test
  void um1_steal_pendingFence_freesWhenItSignals() {
    Owned owned = new Owned(PAGE);
    FenceContext device = FenceContext.create("device");
    Fence fence = device.newFence();
    DmaBuf buffer = owned.stealInto(user);
    add(buffer, fence);
    buffer.close();
    assertThat(owned.freed).hasValue(0);
    assertThat(user.usedBytes()).isEqualTo(PAGE);
    assertThat(heap.info().buffers()).singleElement().matches(BufInfo.Buffer::isQuarantined);
    device.signal(fence);
    assertThat(owned.freed).hasValue(1);
    assertThat(user.usedBytes()).isZero();
  }

  @Test
  void um1_steal_failingRelease_losesNothingElse() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(PAGE, PAGE);
      for (int i = 0; i < 3; i++) {
        user.steal(
                memory.address(),
                PAGE,
                () -> {
                  throw new UnsupportedOperationException("on purpose");
                })
            .close();
        assertThat(user.usedBytes()).isZero();
        assertThat(heap.statistics().liveBuffers()).isZero();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 4096, wanted an address above 0",
    "-8, 4096, wanted an address above 0",
    "4097, 4096, multiple of 8",
    "4096, 0, wanted a size of at least 1 byte",
    "4096, -1, wanted a size of at least 1 byte",
    "9223372036854775800, 4096, ends within the address space"
  })
  void um1_steal_notARange_isRefusedWithOneMessage(long address, long bytes, String message) {
    AtomicInteger freed = new AtomicInteger();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> user.steal(address, bytes, freed::incrementAndGet))
        .withMessageContaining(message);
    assertThat(freed).as("it stays the caller's").hasValue(0);
    assertThat(user.usedBytes()).isZero();
  }

  @Test
  void um1_steal_beyondTheLimit_namesTheHolders_andTheMemoryStaysTheCallers() {
    Owned first = new Owned(48 * KIB);
    Owned second = new Owned(20 * KIB);
    try (DmaBuf buffer = first.stealInto(user)) {
      buffer.setName("greedy");
      assertThatThrownBy(() -> second.stealInto(user))
          .isInstanceOf(OutOfBuffersException.class)
          .hasMessageContaining("wanted 20480 B")
          .hasMessageContaining("limit on user memory 65536 B")
          .hasMessageContaining("in use 49152 B")
          .hasMessageContaining("1 × greedy")
          .hasMessageContaining("?user=");
      assertThat(second.freed).hasValue(0);
      assertThat(second.memory.get(JAVA_BYTE, 0)).isZero();
      assertThat(user.usedBytes()).isEqualTo(48 * KIB);
      heap.allocate(MIB).close(); // the heap's own limit is another
    }
    second.stealInto(user).close();
    assertThat(second.freed).hasValue(1);
  }

  @Test
  void um1_steal_bytesThatAreStolen_areRefusedUntilTheyAreFree() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(4 * PAGE, PAGE);
      long middle = memory.address() + PAGE;
      try (DmaBuf _ = user.steal(middle, 2 * PAGE, () -> {})) {
        for (long offset : new long[] {-8, 0, PAGE, 2 * PAGE - 8}) {
          assertThatIllegalArgumentException()
              .isThrownBy(() -> user.steal(middle + offset, 16, () -> {}))
              .withMessageContaining("has stolen some");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> user.back(memory));
        user.steal(middle - 8, 8, () -> {}).close();
        user.steal(middle + 2 * PAGE, 8, () -> {}).close();
      }
      user.back(memory).close();
    }
  }

  @Test
  void um1_steal_closedHeap_isRefused_andLiveOnesKeepItOpen() throws Exception {
    Owned owned = new Owned(PAGE);
    Owned late = new Owned(PAGE);
    DmaBuf buffer = owned.stealInto(user);
    buffer.setName("forgotten");
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    assertThatIllegalStateException()
        .isThrownBy(heap::close)
        .withMessageContaining("1 live buffers")
        .withMessageContaining("forgotten");
    assertThat(heap.drain(Duration.ZERO)).isFalse();
    assertThatIllegalStateException()
        .isThrownBy(() -> late.stealInto(user))
        .withMessageContaining("closed");
    assertThat(late.freed).hasValue(0);
    late.free();
    buffer.close();
    assertThat(heap.drain(Duration.ofSeconds(30))).isTrue();
    assertThat(owned.freed).as("before the heap is empty").hasValue(1);
  }

  @Test
  void um1_segmentsOfStolenMemory_areDeadBeforeItIsFreed() {
    Owned owned = new Owned(PAGE);
    DmaBuf buffer = owned.stealInto(user);
    MemorySegment ofHold;
    MemorySegment ofPool;
    MemorySegment ofImporter = mappedOnce(buffer);
    try (Hold hold = buffer.hold();
        Hold pool = buffer.hold(ArenaKind.POOL)) {
      ofHold = hold.segment();
      ofPool = pool.segment();
      assertThat(ofPool.get(JAVA_BYTE, 0)).isZero();
    }
    assertThatIllegalStateException().isThrownBy(() -> ofHold.get(JAVA_BYTE, 0));
    buffer.close();
    assertThat(owned.freed).hasValue(1);
    assertThatIllegalStateException().isThrownBy(() -> ofPool.get(JAVA_BYTE, 0));
    assertThatIllegalStateException().isThrownBy(() -> ofImporter.get(JAVA_BYTE, 0));
  }

  @Test
  void um1_nativeCodeInsideAtTheEnd_memoryIsFreedWhenItIsDone() throws Throwable {
    Owned owned = new Owned(PAGE);
    DmaBuf buffer = owned.stealInto(user);
    MemorySegment inside = mappedOnce(buffer);
    Inside.with(
        inside,
        () -> {
          buffer.close();
          assertThat(owned.freed).as("while native code has it").hasValue(0);
          assertThat(user.usedBytes()).isEqualTo(PAGE);
        });
    Await.until("it is freed", () -> user.usedBytes() == 0);
    assertThat(owned.freed).hasValue(1);
  }

  /** What an importer had, and forgot to forget. */
  private static MemorySegment mappedOnce(DmaBuf buffer) {
    Reservation reservation = buffer.reservation();
    try (Attachment attachment = buffer.attach(() -> "careless device")) {
      reservation.lock();
      try {
        return attachment.map(Access.READ_WRITE).segments().getFirst();
      } finally {
        reservation.unlock();
      }
    }
  }

  @Test
  void um1_stealSegment_isACopyOfTheHeaps_andSaysSo() throws Exception {
    byte[] bytes = {1, 2, 3};
    MemorySegment array = MemorySegment.ofArray(bytes);
    try (DmaBuf buffer = user.steal(array)) {
      assertThat(user.originOf(buffer)).isEqualTo(Origin.HEAP);
      assertThat(user.usedBytes()).isZero();
      assertThat(heap.statistics().liveBytes()).isPositive();
      bytes[0] = 9;
      byte[] copied = buffer.read(segment -> segment.toArray(JAVA_BYTE));
      assertThat(copied).containsExactly(1, 2, 3);
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> user.steal(MemorySegment.NULL))
        .withMessageContaining("empty");
    Arena closed = Arena.ofShared();
    MemorySegment dead = closed.allocate(8);
    closed.close();
    assertThatIllegalStateException().isThrownBy(() -> user.steal(dead));
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @Test
  void um1_stealBuffer_takesTheHandle() {
    DmaBuf given = heap.allocate(100);
    DmaBuf taken = user.steal(given);
    assertThat(given.isClosed()).isTrue();
    assertThat(taken.size()).isEqualTo(100);
    assertThat(user.originOf(taken)).isEqualTo(Origin.HEAP);
    taken.close();
    assertThatIllegalStateException().isThrownBy(() -> user.steal(given));
  }

  // ---- UM2: back ----

  @Test
  void um2_back_sharesTheBytesBothWays_andCounts() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(2 * PAGE, PAGE);
      try (DmaBuf buffer = user.back(memory)) {
        assertThat(user.originOf(buffer)).isEqualTo(Origin.BACKED);
        assertThat(user.usedBytes()).isEqualTo(2 * PAGE);
        assertThat(heap.info().buffers().getFirst().exporter()).isEqualTo("offheap:test/backed");
        buffer.write(bytes -> bytes.set(JAVA_BYTE, 1, (byte) 5));
        assertThat(memory.get(JAVA_BYTE, 1)).isEqualTo((byte) 5);
        memory.set(JAVA_BYTE, 2, (byte) 6);
        byte seen = buffer.read(bytes -> bytes.get(JAVA_BYTE, 2));
        assertThat(seen).isEqualTo((byte) 6);
      }
      assertThat(user.usedBytes()).isZero();
      assertThat(memory.get(JAVA_BYTE, 1)).as("it is the caller's").isEqualTo((byte) 5);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 8, 4095})
  void um2_back_notWholePages_saysByHowMuch(long off) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(2 * PAGE, PAGE);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> user.back(memory.asSlice(off, PAGE)))
          .withMessageContaining("begin %d and end %d bytes after a page does".formatted(off, off));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> user.back(memory.asSlice(0, PAGE + off)))
          .withMessageContaining("begin 0 and end %d bytes".formatted(off))
          .withMessageContaining("allocate(byteSize, %d)".formatted(PAGE));
    }
    assertThat(user.usedBytes()).isZero();
  }

  @Test
  void um2_back_memoryThatCannotBeShared_isRefusedWithTheAlternative(@TempDir Path folder)
      throws IOException {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> user.back(MemorySegment.ofArray(new byte[(int) PAGE])))
        .withMessageContaining("of the Java heap")
        .withMessageContaining("copy it with steal");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> user.back(MemorySegment.NULL))
        .withMessageContaining("empty");
    try (Arena arena = Arena.ofConfined()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> user.back(arena.allocate(PAGE, PAGE)))
          .withMessageContaining("confined to a thread");
    }
    Path file = Files.write(folder.resolve("file"), new byte[(int) PAGE]);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        Arena arena = Arena.ofShared()) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, PAGE, arena);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> user.back(mapped))
          .withMessageContaining("mapped from a file");
    }
    assertThat(user.usedBytes()).isZero();
  }

  @Test
  void um2_back_readOnlySegment_givesReadOnlyHandles() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(PAGE, PAGE).asReadOnly();
      try (DmaBuf buffer = user.back(memory);
          Hold hold = buffer.hold()) {
        assertThat(buffer.isReadOnly()).isTrue();
        assertThat(hold.segment().isReadOnly()).isTrue();
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> user.back(memory, Access.WRITE))
          .withMessageContaining("read-only segment");
    }
    assertThat(user.usedBytes()).isZero();
  }

  @Test
  void um2_back_arenaClosedByItsOwner_isAnExceptionAndNoCrash() {
    Arena arena = Arena.ofShared();
    try (DmaBuf buffer = user.back(arena.allocate(PAGE, PAGE))) {
      try (Hold hold = buffer.hold();
          Hold shared = buffer.hold(ArenaKind.SHARED);
          Hold pool = buffer.hold(ArenaKind.POOL)) {
        MemorySegment seen = hold.segment();
        assertThat(seen.get(JAVA_BYTE, 0)).isZero();
        arena.close();
        assertThatIllegalStateException().isThrownBy(() -> seen.get(JAVA_BYTE, 0));
        assertThatIllegalStateException().isThrownBy(() -> shared.segment().get(JAVA_BYTE, 0));
        assertThatIllegalStateException().isThrownBy(() -> pool.segment().get(JAVA_BYTE, 0));
      }
      assertThatExceptionOfType(BufferRevokedException.class)
          .isThrownBy(() -> buffer.read(bytes -> bytes.get(JAVA_BYTE, 0)))
          .withMessageContaining("arena that it was backed with is closed");
      assertThatThrownBy(() -> user.back(deadPage()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("arena of the memory is closed");
    }
    assertThat(user.usedBytes()).isZero();
  }

  private static MemorySegment deadPage() {
    try (Arena arena = Arena.ofShared()) {
      return arena.allocate(PAGE, PAGE);
    }
  }

  @Test
  void um2_back_memoryThatNeverDies_segmentsEndWithTheirHold() {
    MemorySegment memory = Arena.global().allocate(PAGE, PAGE);
    try (DmaBuf buffer = user.back(memory)) {
      MemorySegment segment;
      try (Hold hold = buffer.hold()) {
        segment = hold.segment();
        assertThat(segment.get(JAVA_BYTE, 0)).isZero();
      }
      assertThatIllegalStateException().isThrownBy(() -> segment.get(JAVA_BYTE, 0));
    }
  }

  @Test
  void um2_pinsAndImporters_workWithoutRoomForPins() {
    MemorySegment memory = Arena.global().allocate(2 * PAGE, PAGE);
    try (DmaBuf buffer = user.back(memory);
        Attachment attachment = buffer.attach(() -> "device")) {
      Reservation reservation = buffer.reservation();
      reservation.lock();
      try (Pin _ = buffer.pin(Pin.Term.LONG)) {
        assertThat(attachment.map(Access.READ).pieces())
            .singleElement()
            .satisfies(piece -> assertThat(piece.address()).isEqualTo(memory.address()))
            .satisfies(piece -> assertThat(piece.byteSize()).isEqualTo(2 * PAGE));
        assertThat(buffer.info().pins()).isEqualTo(2);
        assertThat(heap.info().buffers().getFirst().pins()).isEqualTo(2);
        assertThat(heap.statistics().pinnedBytes()).isZero();
        attachment.unmap();
      } finally {
        reservation.unlock();
      }
    }
  }

  @Test
  void um2_back_quarantined_countsAndKeepsTheHeapOpen() {
    FenceContext device = FenceContext.create("slow device");
    Fence fence = device.newFence();
    MemorySegment memory = Arena.global().allocate(64 * KIB, PAGE);
    DmaBuf buffer = user.back(memory);
    add(buffer, fence);
    buffer.close();
    assertThatThrownBy(() -> user.back(memory))
        .isInstanceOf(OutOfBuffersException.class)
        .hasMessageContaining("1 in quarantine")
        .hasMessageContaining("slow device");
    assertThatIllegalStateException().isThrownBy(heap::close);
    device.fail(fence, new IllegalStateException("lost"));
    user.back(memory).close();
  }

  // ---- UM3: copying ----

  @Test
  void um3_back_toReadBelowTheThreshold_isCopied_whateverItsAlignment() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(user.copiesBelow() - 1);
      try (DmaBuf buffer = user.back(memory, Access.READ)) {
        assertThat(user.originOf(buffer)).isEqualTo(Origin.HEAP);
        assertThat(buffer.isReadOnly()).isTrue();
        assertThat(user.usedBytes()).isZero();
      }
    }
    try (DmaBuf buffer = user.back(MemorySegment.ofArray(new byte[1]), Access.READ)) {
      assertThat(buffer.size()).isEqualTo(1);
    }
  }

  @Test
  void um3_back_fromTheThresholdOn_orToWrite_isNotCopied() {
    long threshold = (user.copiesBelow() + PAGE - 1) / PAGE * PAGE;
    MemorySegment memory = Arena.global().allocate(threshold, PAGE);
    try (DmaBuf buffer = user.back(memory, Access.READ)) {
      assertThat(user.originOf(buffer)).isEqualTo(Origin.BACKED);
      assertThat(buffer.isReadOnly()).isTrue();
    }
    for (Access access : new Access[] {Access.WRITE, Access.READ_WRITE}) {
      try (DmaBuf buffer = user.back(memory.asSlice(0, PAGE), access)) {
        assertThat(user.originOf(buffer)).isEqualTo(Origin.BACKED);
        assertThat(buffer.isReadOnly()).isFalse();
      }
    }
  }

  @Test
  void um2_noUserMemory_isNoFacade() {
    assertThat(heap(0).userMemory()).isEmpty();
  }
}
