package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.CpuAccess;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceArray;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.Vgem.Buffer;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SyncFile;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.dma_buf_export_sync_file;
import io.github.dmabuf4j.device.linux.bindings.dma_buf_import_sync_file;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rules CP1 to CP8, with a device of the kernel's that uses the buffer, too. */
@Tag("guest")
@Timeout(120)
class ImplicitFencesGuestTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  private final Vgem device = new Vgem();
  private final Buffer buffer = device.allocate();
  private final ImplicitFences fences = new ImplicitFences(buffer.file());

  @AfterEach
  void close() {
    buffer.close();
    device.close();
  }

  // ---- poll ----

  @Test
  void cp1_writer_keepsReadersAndWritersWaiting() {
    int work = device.begin(buffer, true);
    assertThat(fences.isReady(Access.READ)).isFalse();
    assertThat(fences.isReady(Access.WRITE)).isFalse();
    device.end(work);
    assertThat(fences.isReady(Access.READ)).isTrue();
    assertThat(fences.isReady(Access.WRITE)).isTrue();
  }

  @Test
  void cp2_reader_keepsWritersWaitingAlone() {
    int work = device.begin(buffer, false);
    assertThat(fences.isReady(Access.READ)).isTrue();
    assertThat(fences.isReady(Access.READ_WRITE)).isFalse();
    assertThat(Poller.look(buffer.file(), Poller.IN | Poller.OUT)).isEqualTo(Poller.IN);
    device.end(work);
    assertThat(Poller.look(buffer.file(), Poller.IN | Poller.OUT))
        .isEqualTo(Poller.IN | Poller.OUT);
  }

  @Test
  void cp3_wait_endsWithTheLastOfSeveral() throws Exception {
    int work = device.begin(buffer, true);
    CompletableFuture<Boolean> waited = new CompletableFuture<>();
    Thread.startVirtualThread(
        () -> {
          try {
            waited.complete(fences.await(Access.WRITE, LONG));
          } catch (Throwable e) {
            waited.completeExceptionally(e);
          }
        });
    assertThat(fences.await(Access.READ, Duration.ofMillis(20))).isFalse();
    assertThat(waited).isNotDone();
    device.end(work);
    assertThat(waited.get(60, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void dv2_wait_endsAtAnInterrupt() throws Exception {
    int work = device.begin(buffer, true);
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> fences.await(Access.READ, LONG))
        .isInstanceOf(InterruptedException.class);
    device.end(work);
    Thread.currentThread().interrupt();
    assertThat(fences.awaitUninterruptibly(Access.READ, LONG)).isTrue();
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void cp4_waitForABufferThatIsClosedMeanwhile_endsWithItsFence() throws Exception {
    int work = device.begin(buffer, true);
    CompletableFuture<Integer> told = new CompletableFuture<>();
    Poller.ofThisProcess().register(buffer.file(), Poller.IN, told::complete);
    buffer.close();
    device.end(work);
    assertThat(told.get(60, TimeUnit.SECONDS)).isEqualTo(Poller.IN);
  }

  // ---- export ----

  @Test
  void cp6_snapshot_signalsWithWhatWasPendingThen() {
    int first = device.begin(buffer, false);
    Fence snapshot = fences.snapshot(Access.WRITE);
    int second = device.begin(buffer, false);
    assertThat(snapshot.isSignaled()).isFalse();
    assertThat(snapshot.kind()).isEqualTo(Fence.Kind.KERNEL);
    assertThat(snapshot.driverName()).isEqualTo("vgem");
    device.end(first);
    snapshot.awaitUninterruptibly();
    assertThat(snapshot.status()).isEqualTo(Fence.Status.SIGNALED);
    assertThat(fences.isReady(Access.WRITE)).isFalse();
    device.end(second);
  }

  @Test
  void cp6_snapshotForReading_leavesReadersOut() {
    int work = device.begin(buffer, false);
    assertThat(fences.snapshot(Access.READ).isSignaled()).isTrue();
    assertThat(fences.snapshot(Access.READ_WRITE).isSignaled()).isFalse();
    device.end(work);
  }

  @Test
  void cp6_snapshotOfAnIdleBuffer_hasSignaled() {
    assertThat(fences.snapshot(Access.WRITE).status()).isEqualTo(Fence.Status.SIGNALED);
    assertThat(fences.pending(FenceUsage.BOOKKEEP)).isEmpty();
  }

  @Test
  void cp6_exportWithoutAnAccess_isRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = dma_buf_export_sync_file.allocate(arena);
      for (int flags : new int[] {0, 4, 8}) {
        dma_buf_export_sync_file.flags(request, flags);
        assertThat(ioctl(linux_h.DMA_BUF_IOCTL_EXPORT_SYNC_FILE(), request))
            .isEqualTo(-linux_h.EINVAL());
      }
    }
  }

  private int ioctl(long request, MemorySegment argument) {
    return buffer.file().use(fd -> Syscalls.ioctl(fd, request, argument));
  }

  @Test
  void cp1_pending_isJudgedByUsage() {
    int work = device.begin(buffer, false);
    assertThat(fences.pending(FenceUsage.KERNEL)).isEmpty();
    assertThat(fences.pending(FenceUsage.WRITE)).isEmpty();
    assertThat(fences.pending(FenceUsage.READ)).hasSize(1);
    assertThat(fences.pending(FenceUsage.BOOKKEEP)).hasSize(1);
    device.end(work);
    assertThat(fences.pending(FenceUsage.READ)).isEmpty();
  }

  // ---- import ----

  @ParameterizedTest
  @EnumSource
  void cp7_addedFence_keepsOthersWaiting(Access access) throws Exception {
    int work = device.begin(buffer, true);
    try (Descriptor page = Vgem.page()) {
      ImplicitFences other = new ImplicitFences(page);
      other.add(fences.snapshot(Access.READ), access);
      assertThat(other.isReady(Access.READ)).isEqualTo(!access.writes());
      assertThat(other.isReady(Access.WRITE)).isFalse();
      device.end(work);
      assertThat(other.await(Access.WRITE, LONG)).isTrue();
    }
  }

  @Test
  void cp7_addedFromAVirtualThread_isAddedOffItsCarrier() throws Exception {
    int work = device.begin(buffer, true);
    try (Descriptor page = Vgem.page()) {
      ImplicitFences other = new ImplicitFences(page);
      Fence fence = fences.snapshot(Access.READ);
      Thread.startVirtualThread(() -> other.add(fence, Access.WRITE)).join();
      assertThat(other.isReady(Access.READ)).isFalse();
      device.end(work);
    }
  }

  @Test
  void cp7_containers_areAddedByTheirParts() throws Exception {
    try (Buffer second = device.allocate();
        Descriptor page = Vgem.page()) {
      int work = device.begin(buffer, true);
      int more = device.begin(second, true);
      Fence both =
          FenceArray.all(
              List.of(
                  fences.snapshot(Access.READ),
                  new ImplicitFences(second.file()).snapshot(Access.READ)));
      ImplicitFences other = new ImplicitFences(page);
      other.add(both, Access.WRITE);
      device.end(work);
      assertThat(other.isReady(Access.READ)).isFalse();
      device.end(more);
      assertThat(other.await(Access.READ, LONG)).isTrue();
    }
  }

  @Test
  void cp7_whatHasSignaled_addsNothing() {
    fences.add(Fence.stub(), Access.WRITE);
    fences.add(fences.snapshot(Access.WRITE), Access.WRITE);
    assertThat(fences.isReady(Access.WRITE)).isTrue();
  }

  @Test
  void cp7_importOfAnotherFile_isRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = dma_buf_import_sync_file.allocate(arena);
      dma_buf_import_sync_file.flags(request, linux_h.DMA_BUF_SYNC_READ());
      int own = buffer.file().fd();
      dma_buf_import_sync_file.fd(request, own);
      assertThat(ioctl(linux_h.DMA_BUF_IOCTL_IMPORT_SYNC_FILE(), request))
          .isEqualTo(-linux_h.EINVAL());
    }
  }

  @Test
  void fn6_hostFence_isRefusedByName() {
    try (FenceContext host = FenceContext.create("my stage")) {
      Fence fence = host.newFence();
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> fences.add(fence, Access.WRITE))
          .withMessageContaining("my stage");
    }
  }

  // ---- buffers of this library ----

  /** A buffer whose dma-buf the device uses, too. */
  private DmaBuf shared() {
    return new BufferObject(new FencedExporter(fences)).export(4096, "shared", null);
  }

  @Test
  void rl8_bracket_waitsForTheDevice() throws Exception {
    try (DmaBuf shared = shared()) {
      int work = device.begin(buffer, true);
      CompletableFuture<Boolean> begun = new CompletableFuture<>();
      Thread.startVirtualThread(
          () -> {
            try (CpuAccess access = shared.beginCpuAccessUninterruptibly(Access.READ)) {
              begun.complete(fences.isReady(access.access()));
            } catch (Throwable e) {
              begun.completeExceptionally(e);
            }
          });
      assertThat(shared.reservation().isSignaled(FenceUsage.WRITE)).isFalse();
      assertThat(begun).isNotDone();
      device.end(work);
      assertThat(begun.get(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void rl8_job_dependsOnTheDevice() throws Exception {
    try (DmaBuf shared = shared()) {
      int work = device.begin(buffer, true);
      try (Job job = Job.named("reader").reads(shared).publish()) {
        assertThat(job.dependencies())
            .singleElement()
            .extracting(Fence::kind)
            .isEqualTo(Fence.Kind.KERNEL);
        device.end(work);
        job.run(access -> {});
      }
    }
  }

  @Test
  void fn6_publishedKernelFence_isInTheDmaBuf() throws Exception {
    try (DmaBuf shared = shared();
        Buffer second = device.allocate()) {
      int work = device.begin(second, true);
      shared.publish(new ImplicitFences(second.file()).snapshot(Access.READ), Access.WRITE);
      assertThat(fences.isReady(Access.READ)).isFalse();
      device.end(work);
      assertThat(fences.await(Access.WRITE, LONG)).isTrue();
    }
  }

  @Test
  void manySnapshots_leaveNoDescriptor() throws Exception {
    int before = DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
    int work = device.begin(buffer, true);
    List<Fence> snapshots =
        IntStream.range(0, 100).mapToObj(i -> fences.snapshot(Access.READ)).toList();
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE))
        .isGreaterThanOrEqualTo(before + 100);
    device.end(work);
    for (Fence snapshot : snapshots) {
      assertThat(snapshot.await(LONG)).isTrue();
    }
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE))
        .isLessThanOrEqualTo(before + 1); // one may be kept for exports of what is over
  }

  @Test
  void cs1_export_isAnotherDescriptorOfTheSameFence() throws Exception {
    int work = device.begin(buffer, true);
    Fence snapshot = fences.snapshot(Access.READ);
    try (OwnedFd exported = KernelFences.ofThisProcess().exportFence(snapshot)) {
      assertThat(SyncFile.leaves((Descriptor) exported))
          .singleElement()
          .extracting(SyncFile.Leaf::driver)
          .isEqualTo("vgem");
      assertThat(SyncFile.status((Descriptor) exported)).isEqualTo(SyncFile.PENDING);
      device.end(work);
      snapshot.await();
      assertThat(SyncFile.status((Descriptor) exported)).isEqualTo(SyncFile.SIGNALED);
    }
  }

  /**
   * Why syncobj points are left out: this device, the only one with a render node here, has none.
   */
  @Test
  void syncObjects_areNotKnownToThisDevice() {
    assertThat(device.capability(linux_h.DRM_CAP_SYNCOBJ())).isZero();
    assertThat(device.createSyncObject()).isEqualTo(-linux_h.EOPNOTSUPP());
  }
}
