package io.github.dmabuf4j.device;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Files of others as buffers: what is taken, what is refused, and what is left behind. */
@EnabledOnOs(OS.LINUX)
final class DeviceBuffersTest {
  private static final AtomicLong NAMES = new AtomicLong();
  private static final long SIZE = 3 * 4096;

  private final String name = "import-test-%d-".formatted(NAMES.incrementAndGet());

  /** A memory file as another process would make it. */
  private Descriptor file(long size, int seals) {
    int flags = linux_h.MFD_CLOEXEC() | linux_h.MFD_ALLOW_SEALING();
    Descriptor file = own(Syscalls.memfdCreate(name, flags));
    assertThat(file.use(fd -> Syscalls.ftruncate(fd, size))).isZero();
    if (seals != 0) {
      assertThat(file.use(fd -> Syscalls.fcntl(fd, linux_h.F_ADD_SEALS(), seals))).isZero();
    }
    return file;
  }

  private static Descriptor own(int fd) {
    assertThat(fd).isNotNegative();
    return DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.BUFFER, "test", fd);
  }

  private Descriptor sealed() {
    return file(SIZE, linux_h.F_SEAL_SHRINK());
  }

  private static Descriptor again(OwnedFd file, int flags) {
    return own(Syscalls.open("/proc/self/fd/" + file.fd(), flags | linux_h.O_CLOEXEC()));
  }

  @AfterEach
  void nothingIsLeft() throws IOException {
    assertThat(OpenDescriptors.to(name)).isZero();
    assertThat(DeviceBuffers.imported().buffers())
        .extracting(BufInfo.Buffer::name)
        .doesNotContain(name);
  }

  private static byte first(DmaBuf buffer) throws InterruptedException {
    return buffer.read(bytes -> bytes.get(JAVA_BYTE, 0));
  }

  @Test
  void dv6_sealedMemoryFile_isABuffer_ofItsSizeAndName() throws InterruptedException {
    try (Descriptor file = sealed();
        DmaBuf buffer = DeviceBuffers.importFd(file.fd())) {
      file.close(); // the buffer has its own
      assertThat(buffer.size()).isEqualTo(SIZE);
      assertThat(buffer.name()).isEqualTo(name);
      assertThat(DeviceBuffers.isDmaBuf(buffer)).isFalse();
      assertThat(DeviceBuffers.imported().buffers())
          .extracting(BufInfo.Buffer::name)
          .contains(name);
      buffer.write(bytes -> bytes.fill((byte) 7));
      assertThat(first(buffer)).isEqualTo((byte) 7);
    }
  }

  @Test
  void dv4_sameFileTwice_isTheSameBuffer_howeverItWasOpened() throws InterruptedException {
    try (Descriptor file = sealed();
        Descriptor other = again(file, linux_h.O_RDWR());
        DmaBuf one = DeviceBuffers.importFd(file.fd());
        DmaBuf two = DeviceBuffers.importFd(other.fd())) {
      assertThat(one.isSameBuffer(two)).isTrue();
      one.write(bytes -> bytes.fill((byte) 9));
      one.close();
      assertThat(first(two)).isEqualTo((byte) 9);
    }
  }

  @Test
  void dv4_differentFiles_areDifferentBuffers() {
    try (Descriptor file = sealed();
        Descriptor other = sealed();
        DmaBuf one = DeviceBuffers.importFd(file.fd());
        DmaBuf two = DeviceBuffers.importFd(other.fd())) {
      assertThat(one.isSameBuffer(two)).isFalse();
    }
  }

  @Test
  void cb12_ownBuffer_comesBackAsTheOriginal() throws InterruptedException {
    try (Heap heap = Heaps.open("memfd:system?limit=1MiB");
        DmaBuf buffer = heap.allocate(SIZE);
        DmaBuf back = DeviceBuffers.importFd(buffer.exportFd())) {
      assertThat(back.isSameBuffer(buffer)).isTrue();
      assertThat(DeviceBuffers.imported().buffers()).isEmpty();
    }
  }

  @Test
  void cb12_ownBufferThatHasEnded_comesBackAsAnImport() throws Exception {
    OwnedFd fd;
    try (Heap heap = Heaps.open("memfd:system?limit=1MiB")) {
      try (DmaBuf buffer = heap.allocate(SIZE)) {
        buffer.write(bytes -> bytes.fill((byte) 5));
        fd = buffer.exportFd();
      }
    }
    try (DmaBuf back = DeviceBuffers.importFd(fd)) {
      assertThat(first(back)).isEqualTo((byte) 5);
      assertThat(DeviceBuffers.imported().buffers()).hasSize(1);
    }
  }

  @Test
  void fn1_fencesLeftInAFile_areMetByItsNextImport() {
    FenceContext device = FenceContext.create("device");
    try (Descriptor file = sealed()) {
      DmaBuf one = DeviceBuffers.importFd(file.fd());
      Fence work = device.newFence();
      one.reservation().lock();
      one.reservation().reserve(1);
      one.reservation().add(work, FenceUsage.WRITE);
      one.reservation().unlock();
      one.close(); // in quarantine
      try (DmaBuf two = DeviceBuffers.importFd(file.fd())) {
        assertThat(two.reservation().fences(FenceUsage.WRITE)).containsExactly(work);
        device.signal(work);
      }
    } finally {
      device.close();
    }
  }

  @Test
  void dv7_readOnlyDescriptor_isAReadOnlyBuffer() throws InterruptedException {
    try (Descriptor file = sealed();
        Descriptor readOnly = again(file, linux_h.O_RDONLY());
        DmaBuf buffer = DeviceBuffers.importFd(readOnly.fd())) {
      assertThat(buffer.isReadOnly()).isTrue();
      assertThat(first(buffer)).isZero();
      assertThatIllegalStateException()
          .isThrownBy(() -> buffer.write(bytes -> bytes.fill((byte) 1)));
    }
  }

  @Test
  void dv6_fileThatIsMappedReadOnly_staysReadOnly_alsoByAWritableDescriptor() {
    try (Descriptor file = sealed();
        Descriptor readOnly = again(file, linux_h.O_RDONLY());
        DmaBuf first = DeviceBuffers.importFd(readOnly.fd());
        DmaBuf second = DeviceBuffers.importFd(file.fd())) {
      assertThat(second.isSameBuffer(first)).isTrue();
      assertThat(second.isReadOnly()).isTrue();
    }
  }

  @Test
  void fn1_fencesLeftInABufferOfOurs_areMetByAnImportOfItsFile() throws InterruptedException {
    try (Heap heap = Heaps.open("memfd:system?limit=1MiB");
        FenceContext device = FenceContext.create("device")) {
      DmaBuf ours = heap.allocate(SIZE);
      try (OwnedFd file = ours.exportFd()) {
        Fence work = device.newFence();
        ours.reservation().lock();
        ours.reservation().reserve(1);
        ours.reservation().add(work, FenceUsage.WRITE);
        ours.reservation().unlock();
        ours.close(); // in quarantine
        try (DmaBuf again = DeviceBuffers.importFd(file.fd())) {
          assertThat(again.reservation().fences(FenceUsage.WRITE)).containsExactly(work);
          device.signal(work);
        }
      }
    }
  }

  @Test
  void dv7_fileSealedAgainstWriting_isAReadOnlyBuffer() throws InterruptedException {
    try (Descriptor file = file(SIZE, linux_h.F_SEAL_SHRINK() | linux_h.F_SEAL_WRITE());
        DmaBuf buffer = DeviceBuffers.importFd(file.fd())) {
      assertThat(buffer.isReadOnly()).isTrue();
      assertThat(first(buffer)).isZero();
    }
  }

  private static void assertRefused(int fd, Errno errno, String... words) {
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> DeviceBuffers.importFd(fd))
        .satisfies(e -> assertThat(e.errno()).contains(errno))
        .withMessageContainingAll(words);
  }

  @Test
  void dv6_unsealedMemoryFile_isRefused_andTheMessageSaysWhichSeal() {
    try (Descriptor file = file(SIZE, 0)) {
      assertRefused(file.fd(), Errno.EPERM, name, "F_SEAL_SHRINK", "crash");
    }
  }

  @Test
  void emptyFile_isRefused() {
    try (Descriptor file = file(0, linux_h.F_SEAL_SHRINK())) {
      assertRefused(file.fd(), Errno.EINVAL, "0 B");
    }
  }

  @Test
  void plainFile_isRefused_andTheMessageSaysWhatWouldDo(@TempDir Path folder) throws IOException {
    Path path = Files.writeString(folder.resolve("plain"), "some text");
    try (Descriptor file = own(Syscalls.open(path.toString(), linux_h.O_RDWR()))) {
      DmaBufException refusal =
          assertThrows(DmaBufException.class, () -> DeviceBuffers.importFd(file.fd()));
      assertThat(refusal).hasMessageContaining("plain");
      assertThat(refusal.errno()).isPresent();
    }
  }

  @Test
  void descriptorOfSomethingElse_isRefused() {
    try (Descriptor counter = own(Syscalls.eventfd(0, linux_h.EFD_CLOEXEC()))) {
      assertRefused(
          counter.fd(), Errno.EOPNOTSUPP, "eventfd", "neither a dma-buf nor a memory file");
    }
  }

  @Test
  void closedDescriptor_isRefused() {
    Descriptor file = sealed();
    int fd = file.fd();
    file.close();
    assertRefused(fd, Errno.EBADF, "F_GET_SEALS", "descriptor " + fd);
    assertThatIllegalStateException().isThrownBy(() -> DeviceBuffers.importFd(file));
  }

  @Test
  void ownedDescriptor_isClosed_alsoWhereTheImportIsRefused() {
    Descriptor unsealed = file(SIZE, 0);
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> DeviceBuffers.importFd(unsealed));
    assertThat(unsealed.isClosed()).isTrue();
  }
}
