package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.ShortOfMemory.Shortage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Memory that the limits of a process refuse, in a process of its own. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class MemoryShortageTest {
  @Test
  void al6_memoryBeyondTheLimitsOfTheProcess_isRefusedClearlyAndLeavesNothing() throws Exception {
    ChildProcess.End child =
        ChildProcess.run(
            ShortOfMemory.class, Shortage.ADDRESS_SPACE.name(), Shortage.FILE_SIZE.name());
    assertThat(child.status()).as(child.output()).isZero();
  }
}
