package io.github.dmabuf4j.offheap;

import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The kit against a heap of mapped memory with a store. */
@EnabledOnOs(OS.LINUX)
final class MappedSwapConformanceTest extends SwapConformance {
  MappedSwapConformanceTest() {
    super(TestMemory.MAPPED);
  }
}
