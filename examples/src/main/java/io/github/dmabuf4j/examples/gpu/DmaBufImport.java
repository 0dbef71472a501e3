package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.EXTExternalMemoryDmaBuf.VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
import static org.lwjgl.vulkan.KHRExternalMemoryFd.vkGetMemoryFdPropertiesKHR;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.OwnedFd;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkImportMemoryFdInfoKHR;
import org.lwjgl.vulkan.VkMemoryAllocateInfo;
import org.lwjgl.vulkan.VkMemoryDedicatedAllocateInfo;
import org.lwjgl.vulkan.VkMemoryFdPropertiesKHR;

/**
 * Imports dma-bufs by their descriptors. Whatever the CPU wrote before is visible to the device:
 * the kernel sees to that when the device maps the buffer. Vulkan closes the descriptor that it
 * imports.
 */
final class DmaBufImport extends MemoryImport {
  /** Files of dma-bufs are whole pages. */
  private static final long UNIT = 4096;

  private static final int TYPE = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

  DmaBufImport(ComputeDevice device) {
    super(device, TYPE, UNIT);
  }

  @Override
  long importMemory(DmaBuf buffer, long handle, int types, VulkanObjects objects, MemoryStack stack)
      throws InterruptedException {
    try (OwnedFd fd = buffer.exportFd()) { // waits for host fences: the device can't
      var descriptor =
          VkImportMemoryFdInfoKHR.calloc(stack).sType$Default().handleType(TYPE).fd(fd.fd());
      var info =
          VkMemoryAllocateInfo.calloc(stack)
              .sType$Default()
              .pNext(descriptor)
              .allocationSize(buffer.size());
      if (device().gpu().dedicatedDmaBufs()) {
        info.pNext(VkMemoryDedicatedAllocateInfo.calloc(stack).sType$Default().buffer(handle));
      }
      long memory = allocate(info, types & typesOf(fd, stack), objects);
      int _ = fd.detach(); // Vulkan's, now that it succeeded
      return memory;
    }
  }

  private int typesOf(OwnedFd fd, MemoryStack stack) {
    var properties = VkMemoryFdPropertiesKHR.calloc(stack).sType$Default();
    device()
        .vulkan()
        .call(
            "vkGetMemoryFdPropertiesKHR",
            () -> vkGetMemoryFdPropertiesKHR(device().handle(), TYPE, fd.fd(), properties));
    return properties.memoryTypeBits();
  }
}
