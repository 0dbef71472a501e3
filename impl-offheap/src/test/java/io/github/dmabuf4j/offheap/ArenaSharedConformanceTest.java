package io.github.dmabuf4j.offheap;

/** The kit against a shared arena per buffer. */
final class ArenaSharedConformanceTest extends StrategyConformance {
  ArenaSharedConformanceTest() {
    super("arena-shared");
  }
}
