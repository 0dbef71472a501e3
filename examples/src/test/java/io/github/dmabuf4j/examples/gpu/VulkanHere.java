package io.github.dmabuf4j.examples.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.github.dmabuf4j.examples.BadInputException;

/** Whether this machine has what tests of the GPU need. */
public final class VulkanHere {
  private VulkanHere() {}

  /**
   * Skips the test and says why, unless some device can import memory of ours. Fails it instead
   * where everything has to be there.
   */
  public static void assume() {
    String missing = missing();
    if (!missing.isEmpty()) {
      assertThat(System.getenv("DMABUF4J_REQUIRE_VM")).as(missing).isNotEqualTo("true");
      abort(missing);
    }
  }

  private static String missing() {
    try (VulkanInstance instance = VulkanInstance.open(new Vulkan())) {
      GpuChoice.of(instance.devices(), null, MemoryPath.HOST_POINTER, false);
      return "";
    } catch (BadInputException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
