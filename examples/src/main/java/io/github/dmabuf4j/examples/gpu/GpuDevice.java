package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.EXTExternalMemoryDmaBuf.VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
import static org.lwjgl.vulkan.EXTExternalMemoryDmaBuf.VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME;
import static org.lwjgl.vulkan.EXTExternalMemoryHost.VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
import static org.lwjgl.vulkan.EXTExternalMemoryHost.VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
import static org.lwjgl.vulkan.EXTQueueFamilyForeign.VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME;
import static org.lwjgl.vulkan.KHRExternalMemoryFd.VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
import static org.lwjgl.vulkan.KHRExternalSemaphoreFd.VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME;
import static org.lwjgl.vulkan.VK10.VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
import static org.lwjgl.vulkan.VK10.VK_QUEUE_COMPUTE_BIT;
import static org.lwjgl.vulkan.VK10.vkEnumerateDeviceExtensionProperties;
import static org.lwjgl.vulkan.VK10.vkGetPhysicalDeviceProperties;
import static org.lwjgl.vulkan.VK10.vkGetPhysicalDeviceQueueFamilyProperties;
import static org.lwjgl.vulkan.VK11.VK_API_VERSION_1_1;
import static org.lwjgl.vulkan.VK11.VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT;
import static org.lwjgl.vulkan.VK11.VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
import static org.lwjgl.vulkan.VK11.VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT;
import static org.lwjgl.vulkan.VK11.VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;
import static org.lwjgl.vulkan.VK11.vkGetPhysicalDeviceExternalBufferProperties;
import static org.lwjgl.vulkan.VK11.vkGetPhysicalDeviceExternalSemaphoreProperties;
import static org.lwjgl.vulkan.VK11.vkGetPhysicalDeviceProperties2;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkExtensionProperties;
import org.lwjgl.vulkan.VkExternalBufferProperties;
import org.lwjgl.vulkan.VkExternalSemaphoreProperties;
import org.lwjgl.vulkan.VkPhysicalDevice;
import org.lwjgl.vulkan.VkPhysicalDeviceExternalBufferInfo;
import org.lwjgl.vulkan.VkPhysicalDeviceExternalMemoryHostPropertiesEXT;
import org.lwjgl.vulkan.VkPhysicalDeviceExternalSemaphoreInfo;
import org.lwjgl.vulkan.VkPhysicalDeviceProperties;
import org.lwjgl.vulkan.VkPhysicalDeviceProperties2;
import org.lwjgl.vulkan.VkQueueFamilyProperties;

/**
 * A device that Vulkan knows, and what of it matters here.
 *
 * @param handle the device
 * @param name what its driver calls it
 * @param kind what it is
 * @param computeFamily the first family of queues that can compute, -1 if there is none
 * @param extensions the extensions it has
 * @param dmaBufs whether a storage buffer may lie in an imported dma-buf
 * @param dedicatedDmaBufs whether that memory must be dedicated to the one buffer
 * @param syncFiles whether a semaphore can be exported as a sync_file
 * @param hostPointerAlignment what address and size of imported memory of the process must be
 *     multiples of, in bytes; 0 if the device can't import such
 * @param maxBufferBytes the largest storage buffer
 */
record GpuDevice(
    VkPhysicalDevice handle,
    String name,
    Kind kind,
    int computeFamily,
    Set<String> extensions,
    boolean dmaBufs,
    boolean dedicatedDmaBufs,
    boolean syncFiles,
    long hostPointerAlignment,
    long maxBufferBytes) {
  /** What a device is, the best first. */
  enum Kind {
    DISCRETE,
    INTEGRATED,
    VIRTUAL,
    OTHER,
    CPU
  }

  /** By {@code VkPhysicalDeviceType}. */
  private static final Kind[] KINDS = {
    Kind.OTHER, Kind.INTEGRATED, Kind.DISCRETE, Kind.VIRTUAL, Kind.CPU
  };

  /** Asks a device what it is and can. */
  static GpuDevice of(Vulkan vulkan, VkPhysicalDevice handle) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var properties = VkPhysicalDeviceProperties.calloc(stack);
      vkGetPhysicalDeviceProperties(handle, properties);
      int type = properties.deviceType();
      // What was asked for below came with Vulkan 1.1: an older device can do nothing for us.
      boolean old = properties.apiVersion() < VK_API_VERSION_1_1;
      Set<String> extensions = old ? Set.of() : extensions(vulkan, handle, stack);
      int dmaBufs =
          hasAll(
                  extensions,
                  VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
                  VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME)
              ? memoryFeatures(handle, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, stack)
              : 0;
      return new GpuDevice(
          handle,
          properties.deviceNameString().replace('"', '\''),
          type >= 0 && type < KINDS.length ? KINDS[type] : Kind.OTHER,
          computeFamily(handle, stack),
          extensions,
          (dmaBufs & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0,
          (dmaBufs & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) != 0,
          extensions.contains(VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME)
              && exportsSyncFiles(handle, stack),
          hostPointerAlignment(handle, extensions, stack),
          Integer.toUnsignedLong(properties.limits().maxStorageBufferRange()));
    }
  }

  private static boolean hasAll(Set<String> extensions, String... wanted) {
    return extensions.containsAll(Set.of(wanted));
  }

  private static Set<String> extensions(Vulkan vulkan, VkPhysicalDevice handle, MemoryStack stack) {
    IntBuffer count = stack.mallocInt(1);
    vulkan.call(
        "vkEnumerateDeviceExtensionProperties",
        () ->
            vkEnumerateDeviceExtensionProperties(handle, (@Nullable ByteBuffer) null, count, null));
    try (var all = VkExtensionProperties.malloc(count.get(0))) { // too much for a stack
      vulkan.call(
          "vkEnumerateDeviceExtensionProperties",
          () ->
              vkEnumerateDeviceExtensionProperties(
                  handle, (@Nullable ByteBuffer) null, count, all));
      Set<String> names = new TreeSet<>();
      all.forEach(extension -> names.add(extension.extensionNameString()));
      return Set.copyOf(names);
    }
  }

  private static int computeFamily(VkPhysicalDevice handle, MemoryStack stack) {
    IntBuffer count = stack.mallocInt(1);
    vkGetPhysicalDeviceQueueFamilyProperties(handle, count, null);
    var families = VkQueueFamilyProperties.malloc(count.get(0), stack);
    vkGetPhysicalDeviceQueueFamilyProperties(handle, count, families);
    for (int i = 0; i < count.get(0); i++) {
      if ((families.get(i).queueFlags() & VK_QUEUE_COMPUTE_BIT) != 0) {
        return i;
      }
    }
    return -1;
  }

  private static int memoryFeatures(VkPhysicalDevice handle, int handleType, MemoryStack stack) {
    var buffer =
        VkPhysicalDeviceExternalBufferInfo.calloc(stack)
            .sType$Default()
            .usage(VK_BUFFER_USAGE_STORAGE_BUFFER_BIT)
            .handleType(handleType);
    var answer = VkExternalBufferProperties.calloc(stack).sType$Default();
    vkGetPhysicalDeviceExternalBufferProperties(handle, buffer, answer);
    return answer.externalMemoryProperties().externalMemoryFeatures();
  }

  private static boolean exportsSyncFiles(VkPhysicalDevice handle, MemoryStack stack) {
    var semaphore =
        VkPhysicalDeviceExternalSemaphoreInfo.calloc(stack)
            .sType$Default()
            .handleType(VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT);
    var answer = VkExternalSemaphoreProperties.calloc(stack).sType$Default();
    vkGetPhysicalDeviceExternalSemaphoreProperties(handle, semaphore, answer);
    return (answer.externalSemaphoreFeatures() & VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT) != 0;
  }

  private static long hostPointerAlignment(
      VkPhysicalDevice handle, Set<String> extensions, MemoryStack stack) {
    int type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    if (!extensions.contains(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)
        || (memoryFeatures(handle, type, stack) & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) == 0) {
      return 0;
    }
    var host = VkPhysicalDeviceExternalMemoryHostPropertiesEXT.calloc(stack).sType$Default();
    var answer = VkPhysicalDeviceProperties2.calloc(stack).sType$Default().pNext(host);
    vkGetPhysicalDeviceProperties2(handle, answer);
    return host.minImportedHostPointerAlignment();
  }

  /** Whether it can take memory of a kind, and compute. */
  boolean can(MemoryPath path) {
    return computeFamily >= 0 && (path == MemoryPath.DMA_BUF ? dmaBufs : hostPointerAlignment > 0);
  }

  /** Whether the bytes of a dma-buf can be said to come from outside Vulkan. */
  boolean knowsForeignQueues() {
    return extensions.contains(VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME);
  }

  @Override
  public String toString() {
    return '"' + name + '"';
  }
}
