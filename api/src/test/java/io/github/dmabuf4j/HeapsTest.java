package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

/** Against a provider of the tests, see {@code META-INF/services}. */
final class HeapsTest {
  @Test
  void open_findsTheHeapByItsName() {
    try (Heap heap = Heaps.open("offheap:system?limit=2MiB")) {
      assertThat(heap.name()).isEqualTo("offheap:system");
      assertThat(heap.limitBytes()).isEqualTo(2 << 20);
    }
  }

  @Test
  void open_ofAnUnknownHeap_saysWhichThereAre() {
    assertThatExceptionOfType(HeapUnavailableException.class)
        .isThrownBy(() -> Heaps.open("offheap:sytem"))
        .withMessageContaining("offheap:sytem")
        .withMessageContaining("offheap:system")
        .withMessageNotContaining("dma-heap");
  }

  @Test
  void open_ofAHeapThatIsNotHere_saysWhyAndWhatToDo() {
    assertThatExceptionOfType(HeapUnavailableException.class)
        .isThrownBy(() -> Heaps.open("dma-heap:system"))
        .withMessageContaining("/dev/dma_heap/system is missing")
        .withMessageContaining("modprobe it");
    assertThatExceptionOfType(HeapUnavailableException.class)
        .isThrownBy(() -> Heaps.open("dma-heap:cma"))
        .withMessageContaining("no CMA")
        .withMessageNotContaining("fix");
  }

  @Test
  void open_withABadUriOrOption_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> Heaps.open("offheap"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Heaps.open("offheap:system?lmit=1"))
        .withMessageContaining("lmit");
  }

  @Test
  void describe_namesAll_available_thoseThatCanBeHad() {
    assertThat(Heaps.describe())
        .extracting(HeapDescription::name)
        .contains("offheap:system", "dma-heap:system", "dma-heap:cma");
    assertThat(Heaps.available())
        .extracting(HeapDescription::name)
        .containsExactly("offheap:system");
  }
}
