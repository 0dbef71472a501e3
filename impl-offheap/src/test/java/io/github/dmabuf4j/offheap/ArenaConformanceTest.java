package io.github.dmabuf4j.offheap;

/** The kit against blocks of arenas, as on systems other than Linux. */
final class ArenaConformanceTest extends OffHeapConformance {
  ArenaConformanceTest() {
    super(TestMemory.ARENA);
  }
}
