package io.github.dmabuf4j.offheap;

/** The kit against the C library's pool. */
final class MallocConformanceTest extends StrategyConformance {
  MallocConformanceTest() {
    super("malloc");
  }
}
