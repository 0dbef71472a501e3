package io.github.dmabuf4j.examples.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.examples.BadInputException;
import io.github.dmabuf4j.examples.gpu.GpuDevice.Kind;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Which device is taken, and how it gets at the bytes. */
final class GpuChoiceTest {
  private static final GpuDevice SOFTWARE = device("Soft pipe", Kind.CPU, true, 4096);
  private static final GpuDevice LAPTOP = device("Inside 5", Kind.INTEGRATED, false, 4096);
  private static final GpuDevice CARD = device("Outside 7", Kind.DISCRETE, true, 0);
  private static final GpuDevice OLD = device("Old 1", Kind.DISCRETE, false, 0);

  private static GpuDevice device(String name, Kind kind, boolean dmaBufs, long alignment) {
    return new GpuDevice(null, name, kind, 0, Set.of(), dmaBufs, false, false, alignment, 1L << 27);
  }

  @Test
  void bestDevice_isTakenFirst_whateverItsNumber() throws Exception {
    assertThat(GpuChoice.of(List.of(SOFTWARE, LAPTOP, CARD), null, null, true))
        .isEqualTo(new GpuChoice(CARD, MemoryPath.DMA_BUF));
  }

  @Test
  void deviceThatCanDoNothing_isPassedBy() throws Exception {
    assertThat(GpuChoice.of(List.of(OLD, LAPTOP), null, null, true))
        .isEqualTo(new GpuChoice(LAPTOP, MemoryPath.HOST_POINTER));
  }

  @Test
  void withoutDmaBufs_deviceThatNeedsThem_isPassedBy() throws Exception {
    assertThat(GpuChoice.of(List.of(CARD, SOFTWARE), null, null, false))
        .isEqualTo(new GpuChoice(SOFTWARE, MemoryPath.HOST_POINTER));
  }

  @Test
  void way_isTakenAsAskedFor() throws Exception {
    assertThat(GpuChoice.of(List.of(SOFTWARE), null, MemoryPath.HOST_POINTER, true))
        .isEqualTo(new GpuChoice(SOFTWARE, MemoryPath.HOST_POINTER));
  }

  @Test
  void device_isFoundByNumberAndByPartOfItsName() throws Exception {
    List<GpuDevice> all = List.of(SOFTWARE, LAPTOP, CARD);
    assertThat(GpuChoice.of(all, "1", null, true).gpu()).isEqualTo(LAPTOP);
    assertThat(GpuChoice.of(all, "SOFT", null, true).gpu()).isEqualTo(SOFTWARE);
    assertThat(GpuChoice.of(all, "7", null, true).gpu()).isEqualTo(CARD);
  }

  @Test
  void unknownDevice_isRefusedWithTheNamesThatThereAre() {
    assertThatThrownBy(() -> GpuChoice.of(List.of(SOFTWARE, CARD), "9", null, true))
        .isInstanceOf(BadInputException.class)
        .hasMessageContainingAll("--device", "\"Soft pipe\", \"Outside 7\"", "\"9\"");
  }

  @Test
  void nothingThatCan_isRefusedWithWhatItNeeds() {
    assertThatThrownBy(() -> GpuChoice.of(List.of(OLD), null, null, true))
        .isInstanceOf(BadInputException.class)
        .hasMessageContainingAll("VK_EXT_external_memory_host", "\"Old 1\"");
    assertThatThrownBy(() -> GpuChoice.of(List.of(LAPTOP), null, MemoryPath.DMA_BUF, true))
        .isInstanceOf(BadInputException.class)
        .hasMessageContainingAll("VK_EXT_external_memory_dma_buf", "\"Inside 5\"");
  }

  @Test
  void dmaBufsAskedFor_withoutAHeap_areRefusedWithReasons() {
    assertThatThrownBy(() -> GpuChoice.of(List.of(CARD), null, MemoryPath.DMA_BUF, false))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("--path dma-buf: there is no heap of dma-bufs");
  }
}
