package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.EXTExternalMemoryDmaBuf.VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME;
import static org.lwjgl.vulkan.EXTExternalMemoryHost.VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
import static org.lwjgl.vulkan.EXTQueueFamilyForeign.VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME;
import static org.lwjgl.vulkan.KHRExternalMemoryFd.VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
import static org.lwjgl.vulkan.KHRExternalSemaphoreFd.VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME;
import static org.lwjgl.vulkan.VK10.VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
import static org.lwjgl.vulkan.VK10.vkCreateDevice;
import static org.lwjgl.vulkan.VK10.vkDestroyDevice;
import static org.lwjgl.vulkan.VK10.vkDeviceWaitIdle;
import static org.lwjgl.vulkan.VK10.vkGetDeviceQueue;
import static org.lwjgl.vulkan.VK10.vkGetPhysicalDeviceMemoryProperties;

import java.util.ArrayList;
import java.util.List;
import org.lwjgl.PointerBuffer;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkDevice;
import org.lwjgl.vulkan.VkDeviceCreateInfo;
import org.lwjgl.vulkan.VkDeviceQueueCreateInfo;
import org.lwjgl.vulkan.VkPhysicalDeviceMemoryProperties;
import org.lwjgl.vulkan.VkQueue;

/**
 * A device that is open, with one queue that computes.
 *
 * <p><b>Threads.</b> For one thread, which alone uses the queue; waiting for a fence of the device
 * is for any.
 */
final class ComputeDevice implements AutoCloseable {
  private final Vulkan vulkan;
  private final GpuDevice gpu;
  private final MemoryPath path;
  private final VkDevice handle;
  private final VkQueue queue;
  private final int coherentTypes;
  private final VulkanObjects objects;

  private ComputeDevice(
      Vulkan vulkan, GpuDevice gpu, MemoryPath path, VkDevice handle, VulkanObjects objects) {
    this.vulkan = vulkan;
    this.gpu = gpu;
    this.path = path;
    this.handle = handle;
    this.objects = objects;
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer found = stack.mallocPointer(1);
      vkGetDeviceQueue(handle, gpu.computeFamily(), 0, found);
      queue = new VkQueue(found.get(0), handle);
    }
    coherentTypes = coherentTypes(gpu);
  }

  /** Opens a device, for memory of one kind. */
  static ComputeDevice open(Vulkan vulkan, GpuDevice gpu, MemoryPath path) {
    VulkanObjects objects = new VulkanObjects(vulkan);
    boolean done = false;
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var queues = VkDeviceQueueCreateInfo.calloc(1, stack);
      queues
          .get(0)
          .sType$Default()
          .queueFamilyIndex(gpu.computeFamily())
          .pQueuePriorities(stack.floats(1));
      List<String> wanted = extensions(gpu, path);
      PointerBuffer names = stack.mallocPointer(wanted.size());
      wanted.forEach(name -> names.put(stack.ASCII(name)));
      var info =
          VkDeviceCreateInfo.calloc(stack)
              .sType$Default()
              .pQueueCreateInfos(queues)
              .ppEnabledExtensionNames(names.flip());
      PointerBuffer made = stack.mallocPointer(1);
      vulkan.call("vkCreateDevice", () -> vkCreateDevice(gpu.handle(), info, null, made));
      VkDevice handle = new VkDevice(made.get(0), gpu.handle(), info);
      objects.add(() -> vkDestroyDevice(handle, null));
      ComputeDevice device = new ComputeDevice(vulkan, gpu, path, handle, objects);
      done = true;
      return device;
    } finally {
      if (!done) {
        objects.close();
      }
    }
  }

  private static List<String> extensions(GpuDevice gpu, MemoryPath path) {
    if (path == MemoryPath.HOST_POINTER) {
      return List.of(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    }
    List<String> wanted = new ArrayList<>();
    wanted.add(VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);
    wanted.add(VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
    if (gpu.syncFiles()) {
      wanted.add(VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME);
    }
    if (gpu.knowsForeignQueues()) {
      wanted.add(VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME);
    }
    return wanted;
  }

  private static int coherentTypes(GpuDevice gpu) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var properties = VkPhysicalDeviceMemoryProperties.calloc(stack);
      vkGetPhysicalDeviceMemoryProperties(gpu.handle(), properties);
      int types = 0;
      for (int i = 0; i < properties.memoryTypeCount(); i++) {
        int flags = properties.memoryTypes(i).propertyFlags();
        types |= (flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) != 0 ? 1 << i : 0;
      }
      return types;
    }
  }

  Vulkan vulkan() {
    return vulkan;
  }

  GpuDevice gpu() {
    return gpu;
  }

  /** How it gets at our bytes. */
  MemoryPath path() {
    return path;
  }

  VkDevice handle() {
    return handle;
  }

  VkQueue queue() {
    return queue;
  }

  /**
   * A bit for each type of memory that the CPU and the device see the same bytes of at any time.
   */
  int coherentTypes() {
    return coherentTypes;
  }

  /** Waits until the device has nothing to do, also if it was lost: nothing is in use then. */
  void awaitIdle() {
    int _ = vkDeviceWaitIdle(handle);
  }

  /** What was made with it must be closed first. */
  @Override
  public void close() {
    awaitIdle();
    objects.close();
  }
}
