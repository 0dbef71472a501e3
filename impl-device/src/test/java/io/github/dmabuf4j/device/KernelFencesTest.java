package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

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
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

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

  @Test
  void kernelFenceOfSomebodyElse_isRefusedByName() {
    try (FenceContext other = FenceContext.builder("their ring").kernel().build()) {
      Fence fence = other.newFence();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernel.exportFence(fence))
          .withMessageContaining("their ring");
    }
  }

  @Test
  void exportOfWhatIsOver_beforeAnySyncFileWasSeen_saysSo() {
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> kernel.exportFence(Fence.stub()))
        .withMessageContaining("nothing to wait for")
        .extracting(error -> error.errno().orElseThrow())
        .isEqualTo(Errno.EOPNOTSUPP);
  }
}
