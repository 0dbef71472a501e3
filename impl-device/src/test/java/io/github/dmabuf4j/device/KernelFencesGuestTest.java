package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceArray;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.Vgem.Buffer;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SyncFile;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.sync_file_info;
import io.github.dmabuf4j.device.linux.bindings.sync_merge_data;
import io.github.dmabuf4j.device.linux.bindings.sync_set_deadline;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Rules CS1 to CS3, with fences of a device of the kernel's. */
@Tag("guest")
@Timeout(120)
class KernelFencesGuestTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  private final KernelFences kernel = KernelFences.ofThisProcess();
  private final Vgem device = new Vgem();
  private final Buffer one = device.allocate();
  private final Buffer other = device.allocate();

  @AfterEach
  void close() {
    one.close();
    other.close();
    device.close();
  }

  private static Fence pending(Buffer buffer) {
    return new ImplicitFences(buffer.file()).snapshot(Access.READ);
  }

  private static int open() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  // ---- in ----

  @Test
  void dv4_importedFence_signalsWithTheDevice_andItsDescriptorIsClosed() throws Exception {
    int work = device.begin(one, true);
    int file;
    try (OwnedFd exported = kernel.exportFence(pending(one))) {
      file = exported.detach();
    }
    Fence fence = kernel.importFence(file);
    CompletableFuture<Boolean> closed = new CompletableFuture<>();
    fence.addCallback(signaled -> closed.complete(fdIsClosed(file)));
    assertThat(fence.isSignaled()).isFalse();
    assertThat(fence.driverName()).isEqualTo("vgem");
    device.end(work);
    assertThat(fence.await(LONG)).isTrue();
    assertThat(fence.error()).isEmpty();
    assertThat(closed.get(60, TimeUnit.SECONDS)).isTrue();
    while (kernel.pending() > 0) { // it is forgotten last of all
      Thread.onSpinWait();
    }
  }

  private static boolean fdIsClosed(int fd) {
    return Syscalls.fcntl(fd, linux_h.F_GETFD(), 0) == -linux_h.EBADF();
  }

  @Test
  void importOfWhatHasSignaled_isSignaledAtOnce() {
    int work = device.begin(one, true);
    OwnedFd exported = kernel.exportFence(pending(one));
    device.end(work);
    Fence fence = kernel.importFence(exported.detach());
    assertThat(fence.status()).isEqualTo(Fence.Status.SIGNALED);
    assertThat(fence.kind()).isEqualTo(Fence.Kind.KERNEL);
  }

  @Test
  void fenceThatNobodyAsksFor_signalsAndIsClosed() throws Exception {
    int work = device.begin(one, true);
    int before = open();
    Fence asked = pending(one);
    Fence unasked = pending(one);
    assertThat(open()).isEqualTo(before + 2);
    device.end(work);
    assertThat(asked.await(LONG)).isTrue();
    while (!unasked.isSignaled()) {
      Thread.onSpinWait();
    }
    assertThat(open()).isLessThanOrEqualTo(before + 1); // one may be kept
  }

  // ---- out ----

  @Test
  void cs1_mergedFile_signalsWithTheLast_andLeavesTheOthersAsTheyWere() throws Exception {
    int first = device.begin(one, true);
    int second = device.begin(other, true);
    Fence both = FenceArray.all(List.of(pending(one), pending(other)));
    try (OwnedFd merged = kernel.exportFence(both)) {
      Descriptor file = (Descriptor) merged;
      assertThat(SyncFile.leaves(file)).hasSize(2);
      device.end(first);
      assertThat(SyncFile.status(file)).isEqualTo(SyncFile.PENDING);
      assertThat(pending(other).isSignaled()).isFalse();
      device.end(second);
      Fence back = kernel.importFence(file.detach());
      assertThat(back.await(LONG)).isTrue();
    }
  }

  @Test
  void cs1_partsThatHaveSignaled_areLeftOut() throws Exception {
    int first = device.begin(one, true);
    int second = device.begin(other, true);
    Fence early = pending(one);
    Fence late = pending(other);
    Fence both = FenceArray.all(List.of(early, late));
    device.end(first);
    early.await();
    try (OwnedFd merged = kernel.exportFence(both)) {
      assertThat(SyncFile.leaves((Descriptor) merged)).hasSize(1);
    }
    device.end(second);
    late.await();
    try (OwnedFd over = kernel.exportFence(both)) {
      assertThat(SyncFile.status((Descriptor) over)).isEqualTo(SyncFile.SIGNALED);
    }
  }

  @Test
  void cs1_exportOfWhatIsOver_hasSignaled_alsoBeforeAnySyncFileWasSeen() {
    KernelFences fresh = new KernelFences(Poller.ofThisProcess());
    for (int i = 0; i < 3; i++) {
      try (OwnedFd over = fresh.exportFence(Fence.stub())) {
        assertThat(SyncFile.status((Descriptor) over)).isEqualTo(SyncFile.SIGNALED);
      }
    }
  }

  @Test
  void fn6_pendingHostFenceInAContainer_isRefusedByName_andNothingLeaks() throws Exception {
    int work = device.begin(one, true);
    Fence fence = pending(one);
    int before = open();
    try (FenceContext host = FenceContext.create("my stage")) {
      Fence both = FenceArray.all(List.of(fence, host.newFence()));
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> kernel.exportFence(both))
          .withMessageContaining("my stage");
    }
    assertThat(open()).isEqualTo(before);
    device.end(work);
    fence.await();
  }

  // ---- the kernel's own answers ----

  @Test
  void cs1_mergeWithABadDescriptor_isENOENT_andWithFlagsEINVAL() {
    int work = device.begin(one, true);
    try (Descriptor file = (Descriptor) kernel.exportFence(pending(one));
        Arena arena = Arena.ofConfined()) {
      MemorySegment data = sync_merge_data.allocate(arena);
      sync_merge_data.fd2(data, -1);
      assertThat(ioctl(file, linux_h.SYNC_IOC_MERGE(), data)).isEqualTo(-linux_h.ENOENT());
      sync_merge_data.flags(data, 1);
      assertThat(ioctl(file, linux_h.SYNC_IOC_MERGE(), data)).isEqualTo(-linux_h.EINVAL());
    }
    device.end(work);
  }

  @Test
  void cs2_infoWithTooLittleRoom_isEINVAL_andWithNoneTheNumber() {
    int first = device.begin(one, true);
    int second = device.begin(other, true);
    Fence both = FenceArray.all(List.of(pending(one), pending(other)));
    try (Descriptor file = (Descriptor) kernel.exportFence(both);
        Arena arena = Arena.ofConfined()) {
      MemorySegment info = sync_file_info.allocate(arena);
      assertThat(ioctl(file, linux_h.SYNC_IOC_FILE_INFO(), info)).isZero();
      assertThat(sync_file_info.num_fences(info)).isEqualTo(2);
      assertThat(sync_file_info.status(info)).isZero();
      sync_file_info.num_fences(info, 1);
      assertThat(ioctl(file, linux_h.SYNC_IOC_FILE_INFO(), info)).isEqualTo(-linux_h.EINVAL());
    }
    device.end(first);
    device.end(second);
  }

  @Test
  void cs2_leaves_haveTheirTimeOnceSignaled() throws Exception {
    int work = device.begin(one, true);
    long before = System.nanoTime();
    Fence fence = pending(one);
    try (Descriptor file = (Descriptor) kernel.exportFence(fence)) {
      assertThat(SyncFile.leaves(file).getFirst().timestampNanos()).isZero();
      device.end(work);
      fence.await();
      assertThat(SyncFile.leaves(file).getFirst().timestampNanos())
          .isBetween(before, System.nanoTime());
    }
  }

  @Test
  void cs3_deadline_isTakenByTheKernel_andPaddingIsRefused() throws Exception {
    int work = device.begin(one, true);
    Fence fence = pending(one);
    fence.setDeadline(System.nanoTime());
    try (Descriptor file = (Descriptor) kernel.exportFence(fence);
        Arena arena = Arena.ofConfined()) {
      assertThat(SyncFile.setDeadline(file, System.nanoTime())).isTrue();
      MemorySegment deadline = sync_set_deadline.allocate(arena);
      sync_set_deadline.pad(deadline, 1);
      assertThat(ioctl(file, linux_h.SYNC_IOC_SET_DEADLINE(), deadline))
          .isEqualTo(-linux_h.EINVAL());
    }
    device.end(work);
    fence.await();
    fence.setDeadline(System.nanoTime());
  }

  private static int ioctl(Descriptor file, long request, MemorySegment argument) {
    return file.use(fd -> Syscalls.ioctl(fd, request, argument));
  }

  /** The device signals by itself after 10 s, which is when a waiter gives up a silent fence. */
  @Test
  void fn1_fence_signalsInFiniteTime_withoutAnybodysHelp() throws Exception {
    device.begin(one, true);
    Fence fence = pending(one);
    CompletableFuture<Boolean> signaled = new CompletableFuture<>();
    fence.addCallback(ended -> signaled.complete(true));
    assertThat(signaled.get(60, TimeUnit.SECONDS)).isTrue();
  }
}
