package io.github.dmabuf4j.offheap;

import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The kit against movable buffers in mapped memory. */
@EnabledOnOs(OS.LINUX)
final class MappedContiguousConformanceTest extends ContiguousConformance {
  MappedContiguousConformanceTest() {
    super(TestMemory.MAPPED);
  }
}
