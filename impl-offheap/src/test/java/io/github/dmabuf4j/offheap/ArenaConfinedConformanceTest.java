package io.github.dmabuf4j.offheap;

/** The kit against a confined arena per buffer, whose memory goes back on one thread only. */
final class ArenaConfinedConformanceTest extends StrategyConformance {
  ArenaConfinedConformanceTest() {
    super("arena-confined");
  }
}
