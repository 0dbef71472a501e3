package io.github.dmabuf4j.offheap;

/** The kit against movable buffers in memory of arenas, as on systems other than Linux. */
final class ArenaContiguousConformanceTest extends ContiguousConformance {
  ArenaContiguousConformanceTest() {
    super(TestMemory.ARENA);
  }
}
