package io.github.dmabuf4j.device;

import static io.github.dmabuf4j.device.linux.bindings.linux_h.*;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.dma_heap_allocation_data;
import io.github.dmabuf4j.device.linux.bindings.drm_gem_close;
import io.github.dmabuf4j.device.linux.bindings.drm_prime_handle;
import io.github.dmabuf4j.tck.Rule;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The rows of the kernel's self-test of dma-heaps, against the real kernel, through this library's
 * bindings: if a struct, a number or a flag were wrong, they would fail.
 *
 * <p>H6 doesn't apply: Linux 6.12 itself leaks a descriptor where its reply can't be delivered, and
 * this library's replies always can. H7 doesn't, either: its heap flags are of a vendor's kernel.
 *
 * <p>Source: tools/testing/selftests/dmabuf-heaps/dmabuf-heap.c.
 */
@Tag("guest")
final class DmaHeapRowsTest {
  private static final long MIB = 1 << 20;

  /** {@code _IOWR('H', 0, …)} without the size. */
  private static final long ALLOC_OF_NO_SIZE = 0xC000_4800L;

  private int heap;
  private long descriptors;

  @BeforeEach
  void open() throws IOException {
    descriptors = openDescriptors();
    heap = KernelFiles.open("/dev/dma_heap/system");
  }

  @AfterEach
  void close() throws IOException {
    KernelFiles.close(heap);
    assertThat(openDescriptors()).as("descriptors").isEqualTo(descriptors);
  }

  private static long openDescriptors() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }

  private int allocate(long bytes) {
    return SyscallFailure.check(
        "DMA_HEAP_IOCTL_ALLOC", "system", KernelFiles.allocate(heap, bytes));
  }

  @Rule("H1")
  @Test
  void h1_allocAndImport_bytesStayWhatTheyWereAndAnotherDriverTakesIt() {
    int buffer = allocate(MIB);
    KernelFiles.mapped(
        buffer,
        MIB,
        bytes -> {
          KernelFiles.bracketed(
              buffer,
              () -> {
                bytes.asSlice(0, MIB / 2).fill((byte) 1);
                bytes.asSlice(MIB / 2).fill((byte) 0);
              });
          importAndForget(buffer);
          KernelFiles.bracketed(
              buffer,
              () -> {
                assertThat(bytes.get(ValueLayout.JAVA_BYTE, MIB / 2 - 1)).isEqualTo((byte) 1);
                assertThat(bytes.get(ValueLayout.JAVA_BYTE, MIB / 2)).isZero();
                bytes.fill((byte) 0xff);
              });
        });
    KernelFiles.close(buffer);
  }

  /** Into vgem, the second driver. */
  private static void importAndForget(int buffer) {
    int gpu = KernelFiles.open("/dev/dri/card0");
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment prime = scratch.allocate(drm_prime_handle.layout());
      drm_prime_handle.fd(prime, buffer);
      SyscallFailure.check(
          "PRIME_FD_TO_HANDLE", "vgem", Syscalls.ioctl(gpu, DRM_IOCTL_PRIME_FD_TO_HANDLE(), prime));
      int handle = drm_prime_handle.handle(prime);
      assertThat(handle).isPositive();
      MemorySegment close = scratch.allocate(drm_gem_close.layout());
      drm_gem_close.handle(close, handle);
      SyscallFailure.check("GEM_CLOSE", "vgem", Syscalls.ioctl(gpu, DRM_IOCTL_GEM_CLOSE(), close));
    } finally {
      KernelFiles.close(gpu);
    }
  }

  @Rule({"H2", "CH3"})
  @ParameterizedTest
  @ValueSource(longs = {4096, MIB})
  void h2_allocZeroed_afterDirtyOnesWereClosed(long bytes) {
    for (int round = 0; round < 2; round++) {
      List<Integer> buffers = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        int buffer = allocate(bytes);
        buffers.add(buffer);
        KernelFiles.mapped(
            buffer,
            bytes,
            memory ->
                KernelFiles.bracketed(
                    buffer,
                    () -> {
                      MemorySegment zeros = Arena.ofAuto().allocate(bytes);
                      assertThat(memory.mismatch(zeros)).as("first byte not zero").isEqualTo(-1);
                      memory.fill((byte) 0xff);
                    }));
      }
      buffers.forEach(KernelFiles::close);
    }
  }

  @Rule("H3")
  @Test
  void h3_allocCompatOlder_structWithoutHeapFlagsIsTaken() {
    long older = dma_heap_allocation_data.heap_flags$offset();
    assertThat(allocateBySize(older)).isNotNegative();
  }

  @Rule("H4")
  @Test
  void h4_allocCompatNewer_whatFollowsTheStructIsIgnored() {
    long newer = dma_heap_allocation_data.layout().byteSize() + 3 * Long.BYTES;
    assertThat(allocateBySize(newer)).isNotNegative();
  }

  /** With a request whose number says how large the struct is; garbage follows the known part. */
  private int allocateBySize(long structBytes) {
    long known = dma_heap_allocation_data.layout().byteSize();
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment data = scratch.allocate(Math.max(structBytes, known));
      if (structBytes > known) {
        data.asSlice(known).fill((byte) 0xa5);
      }
      dma_heap_allocation_data.len(data, MIB);
      dma_heap_allocation_data.fd_flags(data, O_RDWR() | O_CLOEXEC());
      int result = Syscalls.ioctl(heap, ALLOC_OF_NO_SIZE | structBytes << 16, data);
      if (result >= 0) {
        KernelFiles.close(dma_heap_allocation_data.fd(data));
      }
      return result;
    }
  }

  @Rule({"H5", "CH2"})
  @Test
  void h5_allocErrors_eachIsRefused() {
    int access = O_RDWR() | O_CLOEXEC();
    assertThat(KernelFiles.allocate(0, MIB, access, 0x111111)).as("no heap").isNegative();
    assertThat(KernelFiles.allocate(heap, MIB, access, 0x111111)).as("heap flags").isNegative();
    assertThat(KernelFiles.allocate(heap, MIB, ~access, 0)).as("access flags").isNegative();
    assertThat(KernelFiles.allocate(heap, 0)).as("no bytes").isEqualTo(-EINVAL());
  }
}
