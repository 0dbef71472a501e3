package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceChain;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIf;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@link KernelFences} refuses, which needs no device. */
@EnabledOnOs(OS.LINUX)
class KernelFencesTest {
  private final int before = open();
  private final KernelFences kernel = new KernelFences(Poller.ofThisProcess());

  private static int open() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(open()).isEqualTo(before);
    assertThat(kernel.pending()).isZero();
  }

  @Test
  void descriptorOfAnotherFile_isRefused_andClosed() {
    List<Integer> files =
        List.of(
            Syscalls.memfdCreate("not a fence", linux_h.MFD_CLOEXEC()),
            EventCounter.create(Descriptor.Kind.FENCE, "KernelFencesTest").detach(),
            Syscalls.open("/dev/null", linux_h.O_RDWR() | linux_h.O_CLOEXEC()));
    for (int file : files) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernel.importFence(file))
          .withMessageContaining("wanted the descriptor of a sync_file");
      assertThat(Syscalls.fcntl(file, linux_h.F_GETFD(), 0)).isEqualTo(-linux_h.EBADF());
    }
    assertThatIllegalArgumentException().isThrownBy(() -> kernel.importFence(-1));
  }

  @Test
  void fn6_pendingHostFence_isRefusedByName() {
    try (FenceContext host = FenceContext.create("my stage")) {
      Fence fence = host.newFence();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernel.exportFence(fence))
          .withMessageContaining("my stage");
      Fence chain = FenceChain.append(null, fence, 1);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernel.exportFence(chain))
          .withMessageContaining("my stage");
    }
  }

  /** What stands in for a snapshot where there is none to be had. */
  @Test
  void fenceOfAFilesReadiness_signalsWithIt_andCannotBeExported() throws Exception {
    try (Descriptor file = EventCounter.create(Descriptor.Kind.FENCE, "KernelFencesTest")) {
      Fence fence = kernel.whenReady(file, Poller.IN);
      assertThat(fence.kind()).isEqualTo(Fence.Kind.KERNEL);
      assertThat(fence.await(Duration.ofMillis(1))).isFalse();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernel.exportFence(fence))
          .withMessageContaining("dma-buf");
      EventCounter.add(file, 1);
      assertThat(fence.await(Duration.ofSeconds(60))).isTrue();
      assertThat(fence.error()).isEmpty();
    }
  }

  @Test
  void fenceOfAClosedFile_isRefused() {
    Descriptor file = EventCounter.create(Descriptor.Kind.FENCE, "KernelFencesTest");
    file.close();
    assertThatIllegalStateException().isThrownBy(() -> kernel.whenReady(file, Poller.IN));
  }

  @Test
  void kernelFenceOfSomebodyElse_isRefusedByName() {
    try (FenceContext other = FenceContext.builder("their ring").kernel().build()) {
      Fence fence = other.newFence();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernel.exportFence(fence))
          .withMessageContaining("their ring");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 110, 4095})
  void cs2_errorOfTheKernel_becomesTheFences(int number) {
    try (FenceContext ring = FenceContext.builder("ring").kernel().build()) {
      Fence fence = ring.newFence();
      KernelFences.end(ring, fence, "the ring's work", -number);
      assertThat(fence.status()).isEqualTo(Fence.Status.FAILED);
      assertThat(fence.error().orElseThrow())
          .hasMessageContaining("the ring's work")
          .hasMessageContaining("error " + number);
    }
  }

  @Test
  @DisabledIf("heapIsThere")
  void exportOfWhatIsOver_beforeAnySyncFileWasSeen_saysWhatIsMissing() {
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> kernel.exportFence(Fence.stub()))
        .withMessageContaining("/dev/dma_heap/system")
        .withMessageContaining("nothing to wait for")
        .extracting(error -> error.errno().orElseThrow())
        .isEqualTo(Errno.EOPNOTSUPP);
  }

  static boolean heapIsThere() {
    return Files.exists(Path.of("/dev/dma_heap/system"));
  }
}
