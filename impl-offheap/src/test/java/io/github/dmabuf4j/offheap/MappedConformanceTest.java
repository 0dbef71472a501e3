package io.github.dmabuf4j.offheap;

import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The kit against blocks of mapped memory. */
@EnabledOnOs(OS.LINUX)
final class MappedConformanceTest extends OffHeapConformance {
  MappedConformanceTest() {
    super(TestMemory.MAPPED);
  }
}
