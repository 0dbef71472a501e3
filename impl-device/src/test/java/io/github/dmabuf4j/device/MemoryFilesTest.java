package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * How {@link MemoryFiles} provides memory: the kernels of these machines finish what they begin.
 */
final class MemoryFilesTest {
  private static final long BYTES = (40 << 20) + 4096;
  private static final SyscallFailure.Subject ABOUT =
      new SyscallFailure.Subject("fallocate", "a test");

  @Test
  void dv1_callThatIsInterruptedUnlessItIsShort_providesEachByteOnceInTheEnd() {
    List<Long> provided = new ArrayList<>(List.of(0L));
    MemoryFiles.provide(
        BYTES,
        ABOUT,
        (offset, length) -> {
          assertThat(offset).isEqualTo(provided.getLast());
          assertThat(length).isPositive();
          if (length > 64 << 10) {
            return -linux_h.EINTR();
          }
          provided.add(offset + length);
          return 0;
        });
    assertThat(provided.getLast()).isEqualTo(BYTES);
  }

  @Test
  void callThatIsNotInterrupted_isMadeWithLargePieces() {
    List<Long> lengths = new ArrayList<>();
    MemoryFiles.provide(
        BYTES,
        ABOUT,
        (offset, length) -> {
          lengths.add(length);
          return 0;
        });
    assertThat(lengths).containsExactly(16L << 20, 16L << 20, (8L << 20) + 4096);
  }

  @Test
  void callThatFails_isNotMadeAgain() {
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(
            () -> MemoryFiles.provide(BYTES, ABOUT, (offset, length) -> -Errno.ENOSPC.number()))
        .satisfies(e -> assertThat(e.errno()).contains(Errno.ENOSPC));
  }

  @Test
  void al6_fileLargerThanTheMachine_isRefusedBeforeTheKernelIsAsked() {
    try (Heap heap = Heaps.open("memfd:system?limit=2000000GiB")) {
      assertThatExceptionOfType(OutOfBuffersException.class)
          .isThrownBy(() -> heap.allocate(1L << 50))
          .withMessageContaining("all memory and swap space of this machine: ask for less");
    }
  }
}
