package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.parallel.Isolated;

/** What a heap of files does that the kit doesn't ask for: pooling, failures, order, the end. */
@EnabledOnOs(OS.LINUX)
@Isolated // counts the descriptors of the process
final class DeviceHeapTest {
  private static final int SEAL_EXEC = 0x20; // F_SEAL_EXEC, of Linux 6.3
  private static final long PAGE = 4096;
  private static final long SIZE = 4 * PAGE;

  private final FaultyFiles files = new FaultyFiles();
  private final List<DeviceHeap> heaps = new ArrayList<>();
  private long descriptorsBefore;

  @BeforeEach
  void countDescriptors() throws IOException {
    descriptorsBefore = OpenDescriptors.to("/memfd:dmabuf4j");
  }

  @AfterEach
  void nothingIsLeft() throws IOException {
    for (DeviceHeap heap : heaps) {
      heap.close();
      assertThat(heap.statistics().committedBytes()).isZero();
      assertThat(heap.statistics().liveBuffers()).isZero();
    }
    assertThat(files.closed.get()).isEqualTo(heaps.size());
    assertThat(OpenDescriptors.to("/memfd:dmabuf4j")).isEqualTo(descriptorsBefore);
  }

  private DeviceHeap open(String options) {
    HeapUri uri = HeapUri.parse("memfd:system?" + options);
    DeviceHeap heap = DeviceHeap.open(files, DeviceOptions.of(uri, files.pageSize()));
    heaps.add(heap);
    return heap;
  }

  private static AllocationRequest request(long size, AllocPolicy policy) {
    return AllocationRequest.of(size).policy(policy).build();
  }

  private static void fill(DmaBuf buffer) throws InterruptedException {
    buffer.write(bytes -> bytes.fill((byte) 0xff));
  }

  private static long address(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return hold.address();
    }
  }

  // ---- files ----

  @Test
  void dv6_fileOfABuffer_isSealed_alsoAgainstMoreSeals() throws InterruptedException {
    try (DmaBuf buffer = open("limit=1MiB").allocate(5000);
        OwnedFd fd = buffer.exportFd()) {
      int seals = linux_h.F_SEAL_SHRINK() | linux_h.F_SEAL_GROW() | linux_h.F_SEAL_SEAL();
      assertThat(Syscalls.fcntl(fd.fd(), linux_h.F_GET_SEALS(), 0) & ~SEAL_EXEC).isEqualTo(seals);
      assertThat(Syscalls.ftruncate(fd.fd(), 0)).isEqualTo(-linux_h.EPERM());
      assertThat(Syscalls.lseek(fd.fd(), 0, linux_h.SEEK_END())).isEqualTo(2 * PAGE);
    }
  }

  @Test
  void pooledBuffer_isMappedWithoutACall_andZero() throws InterruptedException {
    DeviceHeap heap = open("limit=1MiB");
    long address;
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      fill(buffer);
      address = address(buffer);
    }
    for (int i = 0; i < 10; i++) {
      try (DmaBuf buffer = heap.allocate(SIZE)) {
        assertThat(address(buffer)).as("still mapped").isEqualTo(address);
        long first =
            buffer.read(bytes -> bytes.mismatch(MemorySegment.ofArray(new byte[(int) SIZE])));
        assertThat(first).as("the first byte that isn't zero").isEqualTo(-1);
        fill(buffer);
      }
    }
    assertThat(files.created.get()).isEqualTo(1);
    assertThat(heap.statistics().poolHits()).isEqualTo(10);
    assertThat(heap.pool.mappings.bytes()).isEqualTo(SIZE);
  }

  @Test
  void vm1_mappings_areBounded_idleOnesIncluded() {
    DeviceHeap heap = open("limit=1MiB&mappings=32KiB");
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      buffers.add(heap.allocate(SIZE));
      long _ = address(buffers.getLast());
      assertThat(heap.pool.mappings.bytes()).isLessThanOrEqualTo(2 * SIZE);
    }
    buffers.forEach(DmaBuf::close);
    assertThat(heap.pool.mappings.bytes()).as("over their end").isEqualTo(2 * SIZE);
    heap.trim();
    assertThat(heap.pool.mappings.bytes()).isZero();
  }

  @Test
  void al1_idleFile_servesWhatIsALittleSmaller_andNothingElse() {
    DeviceHeap heap = open("limit=1MiB");
    heap.allocate(18 * PAGE).close();
    heap.allocate(16 * PAGE).close(); // an eighth less
    assertThat(files.created.get()).isEqualTo(1);
    heap.allocate(15 * PAGE).close();
    assertThat(files.created.get()).isEqualTo(2);
  }

  @Test
  void al9_idleFiles_areClosedAfterTheDecayTime_whoeverAllocates() {
    DeviceHeap heap = open("limit=1MiB&decay=20ms");
    heap.allocate(SIZE).close();
    long start = System.nanoTime();
    while (heap.statistics().committedBytes() != 0) {
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
      Thread.onSpinWait();
    }
  }

  @Test
  void al9_beyondWhatIsRetained_theOldestGo() {
    DeviceHeap heap = open("limit=1MiB&retained=16KiB");
    DmaBuf one = heap.allocate(SIZE);
    DmaBuf two = heap.allocate(SIZE);
    one.close();
    two.close();
    long start = System.nanoTime();
    while (heap.statistics().committedBytes() != SIZE) {
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
      Thread.onSpinWait();
    }
    assertThat(heap.statistics().idleBytes()).isEqualTo(SIZE);
  }

  // ---- failures ----

  @Test
  void al6_refusedFile_isAnExceptionWithItsAdvice_andLeavesNothing() {
    DeviceHeap heap = open("limit=1MiB");
    files.left.set(0);
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> heap.allocate(SIZE))
        .withMessageContainingAll("16384 B", "faulty:system", "memfd_create", "advice for ENOMEM");
    assertThat(heap.statistics().committedBytes()).isZero();
    CompletableFuture<DmaBuf> later = heap.allocateAsync(request(SIZE, AllocPolicy.NORMAL));
    assertThat(later).isCompletedExceptionally();
    files.left.set(1);
    heap.allocate(SIZE).close(); // as if nothing had happened
  }

  @Test
  void al9_refusedFile_isAskedForAgain_onceWhatIsIdleIsClosed() {
    DeviceHeap heap = open("limit=1MiB");
    heap.allocate(SIZE).close();
    files.left.set(0);
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> heap.allocateUninterruptibly(request(8 * SIZE, AllocPolicy.NOWAIT)));
    assertThat(heap.statistics().idleBytes()).as("NOWAIT reclaims nothing").isEqualTo(SIZE);
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> heap.allocate(8 * SIZE));
    assertThat(heap.statistics().idleBytes()).isZero();
  }

  @Test
  void al3_bulk_isWhatTheSystemGives_andAllOrNothingForThoseWhoWait() throws Exception {
    DeviceHeap heap = open("limit=1MiB");
    files.left.set(3);
    List<DmaBuf> some = heap.allocateBulk(request(SIZE, AllocPolicy.NORMAL), 8);
    assertThat(some).hasSize(3);
    files.left.set(3);
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> heap.allocateBulk(request(SIZE, AllocPolicy.NO_FAIL), 8));
    assertThat(heap.statistics().liveBuffers()).isEqualTo(3);
    files.left.set(Integer.MAX_VALUE);
    some.forEach(DmaBuf::close);
    List<DmaBuf> all = heap.allocateBulk(request(SIZE, AllocPolicy.NO_FAIL), 64);
    assertThat(all).hasSize(64);
    assertThat(heap.allocateBulk(request(SIZE, AllocPolicy.NORMAL), 2)).isEmpty();
    all.forEach(DmaBuf::close);
  }

  @Test
  void al6_largestFile_isALimitOfItsOwn_andIsLookedUpAgain() {
    DeviceHeap heap = open("limit=1MiB");
    files.largest = new BufferFiles.Largest(SIZE, "turn the knob");
    heap.allocate(2 * SIZE).close(); // known to be possible
    DeviceHeap small = open("limit=1MiB");
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> small.allocate(2 * SIZE))
        .withMessageContaining("turn the knob");
    files.largest = new BufferFiles.Largest(2 * SIZE, "turn the knob");
    small.allocate(2 * SIZE).close(); // somebody turned it
  }

  @Test
  void alignmentBeyondAPage_isRefused() {
    DeviceHeap heap = open("limit=1MiB");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                heap.allocateUninterruptibly(
                    AllocationRequest.of(SIZE).alignment(2 * PAGE).build()))
        .withMessageContaining("page size");
  }

  @Test
  void options_thatAreBad_areNamed() {
    for (String bad :
        List.of("limit=1", "limit=x", "pinned=1", "decay=1", "mappings=-1", "contiguous=1MiB")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DeviceOptions.of(HeapUri.parse("memfd:system?" + bad), PAGE))
          .withMessageContaining(bad.substring(0, bad.indexOf('=')));
    }
  }

  // ---- waiting ----

  @Test
  void al2_waiters_areServedInTheOrderOfTheirCalls() throws Exception {
    DeviceHeap heap = open("limit=64KiB");
    DmaBuf all = heap.allocate(64 << 10);
    AllocationRequest half = request(32 << 10, AllocPolicy.NO_FAIL);
    CompletableFuture<DmaBuf> first = heap.allocateAsync(half);
    CompletableFuture<DmaBuf> second = heap.allocateAsync(half);
    CompletableFuture<DmaBuf> third = heap.allocateAsync(half);
    assertThat(first).isNotDone();
    all.close();
    DmaBuf one = first.get(60, TimeUnit.SECONDS);
    DmaBuf two = second.get(60, TimeUnit.SECONDS);
    assertThat(third).isNotDone();
    one.close();
    third.get(60, TimeUnit.SECONDS).close();
    two.close();
  }

  @Test
  void al2_smallRequest_passesALargeOneThatIsStuck() throws Exception {
    DeviceHeap heap = open("limit=64KiB");
    DmaBuf most = heap.allocate(48 << 10);
    CompletableFuture<DmaBuf> large = heap.allocateAsync(request(64 << 10, AllocPolicy.NO_FAIL));
    CompletableFuture<DmaBuf> small = heap.allocateAsync(request(16 << 10, AllocPolicy.NO_FAIL));
    small.get(60, TimeUnit.SECONDS).close();
    assertThat(large).isNotDone();
    most.close();
    large.get(60, TimeUnit.SECONDS).close();
  }

  @Test
  void jb2_cancelledAllocation_givesItsPlaceUp() throws Exception {
    DeviceHeap heap = open("limit=64KiB");
    DmaBuf all = heap.allocate(64 << 10);
    CompletableFuture<DmaBuf> first = heap.allocateAsync(request(64 << 10, AllocPolicy.NO_FAIL));
    CompletableFuture<DmaBuf> second = heap.allocateAsync(request(64 << 10, AllocPolicy.NO_FAIL));
    assertThat(first.cancel(true)).isTrue();
    all.close();
    second.get(60, TimeUnit.SECONDS).close();
  }

  @Test
  void al11_drain_endsThoseWhoWait_andTheLastBufferEndsTheHeap() throws Exception {
    DeviceHeap heap = open("limit=64KiB");
    DmaBuf all = heap.allocate(64 << 10);
    CompletableFuture<DmaBuf> waiting = heap.allocateAsync(request(PAGE, AllocPolicy.NO_FAIL));
    assertThat(heap.drain(Duration.ZERO)).isFalse();
    assertThatExceptionOfType(ExecutionException.class)
        .isThrownBy(() -> waiting.get(60, TimeUnit.SECONDS))
        .withCauseInstanceOf(IllegalStateException.class);
    all.close();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(heap.drain(Duration.ZERO)).as("it is empty").isTrue();
  }

  @Test
  void tryHard_takesWhatIsThere_whenItsTimeIsUp() throws Exception {
    DeviceHeap heap = open("limit=64KiB");
    DmaBuf most = heap.allocate(48 << 10);
    List<DmaBuf> some = heap.allocateBulk(request(8 << 10, AllocPolicy.TRY_HARD), 4);
    assertThat(some).hasSize(2);
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> heap.allocate(request(8 << 10, AllocPolicy.TRY_HARD)))
        .withMessageContaining("held by");
    some.forEach(DmaBuf::close);
    most.close();
  }
}
