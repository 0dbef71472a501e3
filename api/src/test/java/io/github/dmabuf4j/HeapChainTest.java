package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dmabuf4j.HeapChain.Link;
import io.github.dmabuf4j.snippets.TestHeapProvider;
import io.github.dmabuf4j.spi.HeapProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Which heap {@code any:system} is. */
final class HeapChainTest {
  private final List<HeapUri> opened = new ArrayList<>();

  private Link link(HeapDescription description) {
    HeapProvider real = new TestHeapProvider();
    return new Link(
        description,
        new HeapProvider() {
          @Override
          public List<HeapDescription> describe() {
            return List.of(description);
          }

          @Override
          public Heap open(HeapUri uri) {
            opened.add(uri);
            if (description.summary().equals("fails")) {
              throw new HeapUnavailableException(description.name() + " has just gone");
            }
            return real.open(uri);
          }
        });
  }

  private Link plain() {
    return link(HeapDescription.available("offheap:system", "plain"));
  }

  private Link memoryFile(String summary) {
    return link(HeapDescription.available("memfd:system", summary).with(HeapProperty.SHAREABLE));
  }

  private Link missing() {
    return link(
        HeapDescription.unavailable("dma-heap:system", "real", "its node is missing", "modprobe it")
            .with(HeapProperty.SHAREABLE, HeapProperty.DMABUF));
  }

  private static HeapUri any(String options) {
    return HeapUri.parse("any:system" + options);
  }

  private List<String> open(HeapChain chain, String options) {
    opened.clear();
    chain.open(any(options)).close();
    return opened.stream().map(HeapUri::name).toList();
  }

  @Test
  void open_takesTheBestThatIsThere() {
    assertThat(open(new HeapChain(List.of(plain(), memoryFile("works"))), ""))
        .containsExactly("memfd:system");
    assertThat(open(new HeapChain(List.of(plain(), missing())), ""))
        .containsExactly("offheap:system");
  }

  @Test
  void open_ofAKindNobodyKnows_comesLast() {
    Link other = link(HeapDescription.available("vendor:system", "new"));
    assertThat(open(new HeapChain(List.of(other, plain())), "")).containsExactly("offheap:system");
  }

  @Test
  void open_heapThatHasJustGone_isPassedBy() {
    assertThat(open(new HeapChain(List.of(plain(), memoryFile("fails"))), ""))
        .containsExactly("memfd:system", "offheap:system");
  }

  @Test
  void open_handsOnAllOptionsButWhatIsRequired() {
    HeapChain chain = new HeapChain(List.of(plain(), memoryFile("works")));
    assertThat(open(chain, "?require=shareable&limit=2MiB")).containsExactly("memfd:system");
    assertThat(opened.getFirst().options()).containsOnlyKeys("limit");
  }

  @Test
  void open_neverFallsBelowWhatIsRequired_andTellsEachReason() {
    HeapChain chain = new HeapChain(List.of(plain(), memoryFile("works"), missing()));
    assertThatExceptionOfType(HeapUnavailableException.class)
        .isThrownBy(() -> open(chain, "?require=SHAREABLE,DMABUF"))
        .withMessageContaining("no heap here is SHAREABLE and DMABUF")
        .withMessageContaining(
            "dma-heap:system is unavailable on this machine: its node is missing")
        .withMessageContaining("modprobe it")
        .withMessageContaining("memfd:system is not DMABUF")
        .withMessageContaining("offheap:system is not SHAREABLE and DMABUF");
    assertThat(opened).isEmpty();
  }

  @Test
  void open_withARequirementThatDoesntExist_saysWhichThereAre() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(new HeapChain(List.of(plain())), "?require=FAST"))
        .withMessageContaining("SHAREABLE, DMABUF, CONTIGUOUS")
        .withMessageContaining("FAST");
  }

  @Test
  void open_withoutAnyHeap_saysSo() {
    assertThatExceptionOfType(HeapUnavailableException.class)
        .isThrownBy(() -> open(new HeapChain(List.of()), ""))
        .withMessageContaining("no heap here is to be had");
  }

  @Test
  void describe_hasThoseThatAreMissing_bestFirst() {
    HeapChain chain = new HeapChain(List.of(plain(), memoryFile("works"), missing()));
    assertThat(chain.describe(Set.of()))
        .extracting(HeapDescription::name)
        .containsExactly("dma-heap:system", "memfd:system", "offheap:system");
    assertThat(chain.describe(Set.of(HeapProperty.DMABUF)))
        .extracting(HeapDescription::name)
        .containsExactly("dma-heap:system");
  }

  @Test
  void heaps_openAny_findsTheProvidersOnThePath() {
    try (Heap heap = Heaps.open("any:system?limit=2MiB")) {
      assertThat(heap.name()).isEqualTo("offheap:system");
    }
    assertThat(Heaps.chain()).isNotEmpty();
    assertThat(Heaps.chain(HeapProperty.CONTIGUOUS)).isEmpty();
  }
}
