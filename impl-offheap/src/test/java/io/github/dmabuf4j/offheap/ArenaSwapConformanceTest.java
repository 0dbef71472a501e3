package io.github.dmabuf4j.offheap;

/** The kit against a heap of the JDK's memory with a store. */
final class ArenaSwapConformanceTest extends SwapConformance {
  ArenaSwapConformanceTest() {
    super(TestMemory.ARENA);
  }
}
