package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.device.ShortOfMemory.Shortage;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory that the kernel refuses: the limits here are the whole machine's. */
@Tag("guest")
@Timeout(120)
final class MemoryShortageGuestTest {
  private static final Path SIZE_LIMIT = Path.of("/sys/module/udmabuf/parameters/size_limit_mb");

  @Test
  void al6_memoryBeyondTheLimitsOfTheMachine_isRefusedClearlyAndLeavesNothing() throws Exception {
    ChildProcess.End child =
        ChildProcess.run(ShortOfMemory.class, Shortage.COMMITTED_MEMORY.name());
    assertThat(child.status()).as(child.output()).isZero();
  }

  /** The kernel itself looks for pages until it kills somebody. */
  @ParameterizedTest
  @ValueSource(strings = {"dma-heap:system", "memfd:system"})
  void al6_bufferLargerThanTheMachine_isRefusedBeforeTheKernelIsAsked(String name) {
    try (Heap heap = Heaps.open(name + "?limit=64GiB")) {
      assertThatExceptionOfType(OutOfBuffersException.class)
          .isThrownBy(() -> heap.allocate(64L << 30))
          .withMessageContainingAll(name, "all memory", "of this machine");
    }
  }

  @Test
  void al6_dmaBufLargerThanUdmabufAllows_isRefused_untilTheNamedKnobIsTurned() throws Exception {
    String before = Files.readString(SIZE_LIMIT).strip();
    long size = (Long.parseLong(before) + 1) << 20;
    try (Heap heap = Heaps.open("udmabuf:system?limit=512MiB&retained=0")) {
      assertThatExceptionOfType(OutOfBuffersException.class)
          .isThrownBy(() -> heap.allocate(size))
          .withMessageContainingAll(
              "udmabuf:system", "size_limit_mb is " + before, SIZE_LIMIT + "");
      Files.writeString(SIZE_LIMIT, Long.toString(size >> 20));
      heap.allocate(size).close();
    } finally {
      Files.writeString(SIZE_LIMIT, before);
    }
  }
}
