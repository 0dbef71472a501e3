package io.github.dmabuf4j.device;

import static io.github.dmabuf4j.device.linux.bindings.linux_h.*;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.udmabuf_create_item;
import io.github.dmabuf4j.device.linux.bindings.udmabuf_create_list;
import io.github.dmabuf4j.tck.Rule;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The rows of the kernel's self-test of udmabuf, against the real kernel, through this library's
 * bindings. D6 is run with fewer huge pages than the original's gigabytes.
 *
 * <p>Source: tools/testing/selftests/drivers/dma-buf/udmabuf.c, drivers/dma-buf/udmabuf.c.
 */
@Tag("guest")
final class UdmabufRowsTest {
  private static final long PAGE = KernelFiles.PAGE;
  private static final int HUGE_PAGES = 8;
  private static final long HUGE_PAGE = 2 << 20;

  private int device;
  private int file;

  @BeforeEach
  void open() {
    device = KernelFiles.open("/dev/udmabuf");
    file = KernelFiles.memoryFile(4 * PAGE, 0, F_SEAL_SHRINK());
  }

  @AfterEach
  void close() {
    KernelFiles.close(file);
    KernelFiles.close(device);
  }

  @Rule({"D1", "CH7"})
  @Test
  void d1_unalignedOffset_isRefused() {
    assertThat(KernelFiles.udmabuf(device, file, PAGE / 2, PAGE)).isEqualTo(-EINVAL());
  }

  @Rule({"D2", "CH7"})
  @Test
  void d2_unalignedSize_isRefused() {
    assertThat(KernelFiles.udmabuf(device, file, 0, PAGE / 2)).isEqualTo(-EINVAL());
  }

  @Rule("D3")
  @Test
  void d3_notAMemoryFile_isRefused() {
    assertThat(KernelFiles.udmabuf(device, 0, 0, PAGE)).isNegative();
  }

  @Rule("D4")
  @Test
  void d4_allPages_becomeABuffer() {
    int buffer = KernelFiles.udmabuf(device, file, 0, 4 * PAGE);
    assertThat(buffer).isNotNegative();
    assertThat(Syscalls.lseek(buffer, 0, SEEK_END())).isEqualTo(4 * PAGE);
    KernelFiles.close(buffer);
  }

  @Rule({"D5", "CH7"})
  @Test
  void d5_scatterList_sharesThePagesOfTheFile() {
    int source = KernelFiles.memoryFile(1024 * PAGE, 0, F_SEAL_SHRINK());
    sharesThePages(source, 1024 * PAGE, PAGE);
    KernelFiles.close(source);
  }

  @Rule({"D6", "CH7"})
  @Test
  void d6_scatterListOfHugePages_sharesThePagesOfTheFile() throws IOException {
    Files.writeString(Path.of("/proc/sys/vm/nr_hugepages"), Integer.toString(HUGE_PAGES));
    int source = KernelFiles.memoryFile(HUGE_PAGES * HUGE_PAGE, MFD_HUGETLB(), F_SEAL_SHRINK());
    sharesThePages(source, HUGE_PAGES * HUGE_PAGE, HUGE_PAGE);
    KernelFiles.close(source);
    Files.writeString(Path.of("/proc/sys/vm/nr_hugepages"), "0");
  }

  /** Four pieces of 16 KiB from all over the file: what is written there is seen in the buffer. */
  private void sharesThePages(int source, long bytes, long step) {
    long piece = 16 << 10;
    KernelFiles.mapped(
        source,
        bytes,
        original -> {
          fill(original, step, (byte) 'a');
          int buffer = createList(source, bytes / 4, piece);
          assertThat(buffer).isNotNegative();
          KernelFiles.mapped(
              buffer,
              4 * piece,
              shared -> {
                assertSame(shared, original, bytes / 4, piece);
                fill(original, step, (byte) 'b');
                assertSame(shared, original, bytes / 4, piece);
                assertThat(shared.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 'b');
              });
          KernelFiles.close(buffer);
        });
  }

  private static void fill(MemorySegment bytes, long step, byte value) {
    for (long at = 0; at < bytes.byteSize(); at += step) {
      bytes.set(ValueLayout.JAVA_BYTE, at, value);
    }
  }

  private static void assertSame(
      MemorySegment shared, MemorySegment original, long distance, long piece) {
    for (int i = 0; i < 4; i++) {
      assertThat(shared.asSlice(i * piece, piece).mismatch(original.asSlice(i * distance, piece)))
          .as("piece " + i)
          .isEqualTo(-1);
    }
  }

  private int createList(int source, long distance, long piece) {
    int[] files = {source, source, source, source};
    return createList(files, distance, piece);
  }

  private int createList(int[] files, long distance, long piece) {
    long head = udmabuf_create_list.layout().byteSize();
    long item = udmabuf_create_item.layout().byteSize();
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment list = scratch.allocate(head + files.length * item, 8);
      udmabuf_create_list.flags(list, UDMABUF_FLAGS_CLOEXEC());
      udmabuf_create_list.count(list, files.length);
      for (int i = 0; i < files.length; i++) {
        MemorySegment entry = list.asSlice(head + i * item, item);
        udmabuf_create_item.memfd(entry, files[i]);
        udmabuf_create_item.offset(entry, i * distance);
        udmabuf_create_item.size(entry, piece);
      }
      return Syscalls.ioctl(device, UDMABUF_CREATE_LIST(), list);
    }
  }

  @Rule({"D7", "CH7"})
  @Test
  void d7_noPages_areRefused() {
    assertThat(KernelFiles.udmabuf(device, file, 0, 0)).isEqualTo(-EINVAL());
    assertThat(createList(new int[0], 0, PAGE)).isEqualTo(-EINVAL());
  }

  @Rule({"D7", "CH7"})
  @Test
  void d7_moreThanTheDriverAllows_isRefused() {
    int large = KernelFiles.memoryFile(65L << 20, 0, F_SEAL_SHRINK());
    assertThat(KernelFiles.udmabuf(device, large, 0, 65L << 20)).as("65 MiB").isEqualTo(-EINVAL());
    KernelFiles.close(large);
    int[] files = new int[1025];
    java.util.Arrays.fill(files, file);
    assertThat(createList(files, 0, PAGE)).as("1025 pieces").isEqualTo(-EINVAL());
  }

  @Rule({"D7", "CH7"})
  @Test
  void d7_sealsThatDontFit_areRefused() {
    int unsealed = KernelFiles.memoryFile(PAGE, 0, 0);
    assertThat(KernelFiles.udmabuf(device, unsealed, 0, PAGE)).as("unsealed").isEqualTo(-EINVAL());
    KernelFiles.close(unsealed);
    int unwritable = KernelFiles.memoryFile(PAGE, 0, F_SEAL_SHRINK() | F_SEAL_WRITE());
    assertThat(KernelFiles.udmabuf(device, unwritable, 0, PAGE))
        .as("sealed against writing")
        .isEqualTo(-EINVAL());
    KernelFiles.close(unwritable);
  }

  @Rule("D7")
  @Test
  void d7_endOfABracketThatNeverBegan_isRefused() {
    int buffer =
        SyscallFailure.check(
            "UDMABUF_CREATE", "rows", KernelFiles.udmabuf(device, file, 0, 4 * PAGE));
    assertThat(KernelFiles.sync(buffer, DMA_BUF_SYNC_END() | DMA_BUF_SYNC_RW()))
        .isEqualTo(-EINVAL());
    KernelFiles.close(buffer);
  }
}
