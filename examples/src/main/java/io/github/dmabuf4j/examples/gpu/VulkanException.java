package io.github.dmabuf4j.examples.gpu;

import static java.util.Map.entry;

import java.io.Serial;
import java.util.Map;
import org.lwjgl.vulkan.VK10;
import org.lwjgl.vulkan.VK11;

/** Vulkan refused a call. */
final class VulkanException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  /** What the calls made here may answer, by Vulkan 1.1 and the extensions used. */
  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          entry(VK10.VK_NOT_READY, "VK_NOT_READY"),
          entry(VK10.VK_TIMEOUT, "VK_TIMEOUT"),
          entry(VK10.VK_INCOMPLETE, "VK_INCOMPLETE"),
          entry(VK10.VK_ERROR_OUT_OF_HOST_MEMORY, "VK_ERROR_OUT_OF_HOST_MEMORY"),
          entry(VK10.VK_ERROR_OUT_OF_DEVICE_MEMORY, "VK_ERROR_OUT_OF_DEVICE_MEMORY"),
          entry(VK10.VK_ERROR_INITIALIZATION_FAILED, "VK_ERROR_INITIALIZATION_FAILED"),
          entry(VK10.VK_ERROR_DEVICE_LOST, "VK_ERROR_DEVICE_LOST"),
          entry(VK10.VK_ERROR_MEMORY_MAP_FAILED, "VK_ERROR_MEMORY_MAP_FAILED"),
          entry(VK10.VK_ERROR_LAYER_NOT_PRESENT, "VK_ERROR_LAYER_NOT_PRESENT"),
          entry(VK10.VK_ERROR_EXTENSION_NOT_PRESENT, "VK_ERROR_EXTENSION_NOT_PRESENT"),
          entry(VK10.VK_ERROR_FEATURE_NOT_PRESENT, "VK_ERROR_FEATURE_NOT_PRESENT"),
          entry(VK10.VK_ERROR_INCOMPATIBLE_DRIVER, "VK_ERROR_INCOMPATIBLE_DRIVER"),
          entry(VK10.VK_ERROR_TOO_MANY_OBJECTS, "VK_ERROR_TOO_MANY_OBJECTS"),
          entry(VK10.VK_ERROR_UNKNOWN, "VK_ERROR_UNKNOWN"),
          entry(VK11.VK_ERROR_OUT_OF_POOL_MEMORY, "VK_ERROR_OUT_OF_POOL_MEMORY"),
          entry(VK11.VK_ERROR_INVALID_EXTERNAL_HANDLE, "VK_ERROR_INVALID_EXTERNAL_HANDLE"));

  private final int result;

  /**
   * Creates an exception.
   *
   * @param function what was called
   * @param result what it answered
   */
  VulkanException(String function, int result) {
    super("%s answered %s".formatted(function, name(result)));
    this.result = result;
  }

  /** What the call answered. */
  int result() {
    return result;
  }

  /** What Vulkan calls a result. */
  static String name(int result) {
    return NAMES.getOrDefault(result, "VkResult " + result);
  }
}
