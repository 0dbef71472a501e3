package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Heaps;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceHeapProviderTest {
  @TempDir Path root;

  private HeapDescription described(String name) {
    return new DeviceHeapProvider(root, true)
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
    assertThat(new DeviceHeapProvider(root, true).describe())
        .extracting(HeapDescription::name)
        .containsExactly("dma-heap:linux,cma", "dma-heap:system", "udmabuf:system", "memfd:system");
  }

  @Test
  void usableNode_isNotClaimedToOpen() throws IOException {
    node("dev/dma_heap/system");
    assertThat(described("dma-heap:system").unavailable()).contains("does not open it yet");
  }

  @Test
  void elsewhereThanLinux_saysSo() {
    assertThat(new DeviceHeapProvider(root, false).describe())
        .allSatisfy(heap -> assertThat(heap.unavailable()).contains("interface of Linux"));
  }

  @Test
  void openingThroughTheServiceLoader_failsWithTheReason() {
    assertThatThrownBy(() -> Heaps.open("memfd:system"))
        .isInstanceOf(HeapUnavailableException.class)
        .hasMessageContaining("memfd:system is unavailable on this machine");
  }
}
