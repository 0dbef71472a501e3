package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.device.linux.Platform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class DeviceHeapProviderTest {
  @TempDir Path root;

  private HeapDescription described(String name) {
    return new DeviceHeapProvider(root, () -> Platform.Obstacle.NONE)
        .describe().stream().filter(heap -> heap.name().equals(name)).findFirst().orElseThrow();
  }

  private void node(String path) throws IOException {
    Path node = root.resolve(path);
    Files.createDirectories(node.getParent());
    Files.createFile(node);
  }

  @Test
  void missingDmaHeap_namesTheKernelOption() {
    assertThat(described("dma-heap:system").unavailable())
        .contains("/dev/dma_heap/system does not exist")
        .contains("CONFIG_DMABUF_HEAPS_SYSTEM");
  }

  @Test
  void missingUdmabuf_isFixedByLoadingTheModule() {
    assertThat(described("udmabuf:system").fix()).isEqualTo("sudo modprobe udmabuf");
  }

  @Test
  void missingNodeInAContainer_isFixedByPassingItIn() throws IOException {
    node(".dockerenv");
    assertThat(described("udmabuf:system").fix()).contains("--device /dev/udmabuf");
  }

  @Test
  void everyHeapFound_isDescribed() throws IOException {
    node("dev/dma_heap/system");
    node("dev/dma_heap/linux,cma");
    assertThat(new DeviceHeapProvider(root, () -> Platform.Obstacle.NONE).describe())
        .extracting(HeapDescription::name)
        .containsExactly("dma-heap:linux,cma", "dma-heap:system", "udmabuf:system", "memfd:system");
  }

  @Test
  void nodeThatIsThere_isAHeap() throws IOException {
    node("dev/dma_heap/system");
    assertThat(described("dma-heap:system").isAvailable()).isTrue();
    assertThat(described("udmabuf:system").isAvailable()).isFalse();
  }

  @Test
  void elsewhereThanLinux_saysSo() {
    Platform.Obstacle elsewhere =
        new Platform.Obstacle("it is an interface of Linux, this is Elsewhere", "");
    assertThat(new DeviceHeapProvider(root, () -> elsewhere).describe())
        .allSatisfy(heap -> assertThat(heap.unavailable()).contains("interface of Linux"));
  }

  @Test
  void nativeAccessThatIsDenied_isFixedByTheFlag() {
    Platform.Obstacle denied =
        new Platform.Obstacle("native access is denied", "java --enable-native-access=…");
    assertThat(new DeviceHeapProvider(root, () -> denied).describe())
        .allSatisfy(heap -> assertThat(heap.fix()).contains("--enable-native-access"));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void memoryFiles_areThereOnEveryLinux() throws InterruptedException {
    try (Heap heap = Heaps.open("memfd:system?limit=1MiB&pinned=0&decay=1s&retained=0&mappings=0");
        DmaBuf buffer = heap.allocate(5000)) {
      assertThat(heap.name()).isEqualTo("memfd:system");
      assertThat(heap.limitBytes()).isEqualTo(1 << 20);
      assertThat(heap.statistics().pinnedLimitBytes()).isZero();
      buffer.write(bytes -> bytes.fill((byte) 1));
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void opening_aHeapThatIsNotThere_failsWithTheReason() {
    assertThatThrownBy(() -> Heaps.open("dma-heap:no-such-heap"))
        .isInstanceOf(HeapUnavailableException.class)
        .hasMessageContaining("no-such-heap");
    assumeFalse(Files.isWritable(UdmabufFiles.NODE), "there is a udmabuf device here");
    assertThatThrownBy(() -> Heaps.open("udmabuf:system"))
        .isInstanceOf(HeapUnavailableException.class)
        .hasMessageContaining("udmabuf:system is unavailable on this machine: /dev/udmabuf");
  }
}
