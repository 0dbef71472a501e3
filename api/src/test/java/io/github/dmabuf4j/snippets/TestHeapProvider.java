package io.github.dmabuf4j.snippets;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.spi.HeapProvider;
import java.util.List;
import java.util.Set;

/** Stands in for the real heaps, which this module must not know. */
public final class TestHeapProvider implements HeapProvider {
  @Override
  public List<HeapDescription> describe() {
    return List.of(
        HeapDescription.available("offheap:system", "a stand-in"),
        HeapDescription.unavailable(
            "dma-heap:system",
            "a heap that isn't here",
            "/dev/dma_heap/system is missing",
            "modprobe it"),
        HeapDescription.unavailable("dma-heap:cma", "another one", "no CMA in this kernel", ""));
  }

  @Override
  public Heap open(HeapUri uri) {
    return new TestHeap(uri.requireOptions(Set.of("limit")));
  }
}
