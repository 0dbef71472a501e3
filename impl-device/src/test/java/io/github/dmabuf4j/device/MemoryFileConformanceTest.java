package io.github.dmabuf4j.device;

import io.github.dmabuf4j.tck.Capabilities;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The kit against sealed memory files. */
@EnabledOnOs(OS.LINUX)
class MemoryFileConformanceTest extends DeviceHeapConformance {
  @Override
  public Capabilities capabilities() {
    return Capabilities.MEMFD;
  }

  @Override
  BufferFiles files() {
    return new MemoryFiles();
  }
}
