package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OwnedFd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rule CB10: what a buffer is called here, the kernel shows in {@code /proc}. */
@Tag("guest")
@Timeout(60)
final class KernelNamesGuestTest {
  private static AllocationRequest.Builder request() {
    return AllocationRequest.of(4096);
  }

  /** What the kernel calls the dma-buf behind a descriptor. */
  private static String name(int fd) throws IOException {
    return names(Files.readAllLines(Path.of("/proc/self/fdinfo", Integer.toString(fd)))).toString();
  }

  private static List<String> names(List<String> lines) {
    return lines.stream()
        .filter(line -> line.startsWith("name:"))
        .map(line -> line.substring("name:".length()).strip())
        .toList();
  }

  /** What the kernel calls all dma-bufs of this process. */
  private static List<String> names() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fdinfo"))) {
      return all.flatMap(one -> names(lines(one)).stream()).toList();
    }
  }

  private static List<String> lines(Path path) {
    try {
      return Files.readAllLines(path);
    } catch (IOException e) {
      return List.of(); // that of the listing
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dma-heap:system", "udmabuf:system"})
  void cb10_allocatedName_isTheKernels_untilItIsSetAnew(String heapName) throws Exception {
    try (Heap heap = Heaps.open(heapName + "?limit=1MiB");
        DmaBuf buffer = heap.allocate(request().name("frame 7").build());
        OwnedFd fd = buffer.exportFd()) {
      assertThat(name(fd.fd())).isEqualTo("[frame 7]");
      buffer.setName("poster");
      assertThat(name(fd.fd())).isEqualTo("[poster]");
      assertThat(buffer.name()).isEqualTo("poster");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dma-heap:system", "udmabuf:system"})
  void cb10_longName_isCutAfterTheLastWholeCharacterThatFits(String heapName) throws Exception {
    String letters = "a".repeat(30);
    try (Heap heap = Heaps.open(heapName + "?limit=1MiB");
        DmaBuf buffer = heap.allocate(request().build());
        OwnedFd fd = buffer.exportFd()) {
      buffer.setName(letters + "bcd");
      assertThat(name(fd.fd())).isEqualTo("[" + letters + "b]");
      buffer.setName(letters + "\u00e9" + "d");
      assertThat(name(fd.fd())).isEqualTo("[" + letters + "]");
      assertThat(buffer.name()).isEqualTo(letters + "\u00e9" + "d");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dma-heap:system", "udmabuf:system"})
  void cb10_nextBufferInTheSameFile_hasNotTheNameOfTheLast(String heapName) throws Exception {
    try (Heap heap = Heaps.open(heapName + "?limit=1MiB")) {
      heap.allocate(request().name("first owner").build()).close();
      DmaBuf second = heap.allocate(request().build());
      assertThat(names()).doesNotContain("first owner");
      second.close();
      DmaBuf third = heap.allocate(request().name("third owner").build());
      assertThat(names()).contains("third owner");
      assertThat(heap.statistics().poolHits()).isEqualTo(2);
      third.close();
    }
  }
}
