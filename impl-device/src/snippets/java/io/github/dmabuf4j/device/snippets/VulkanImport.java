package io.github.dmabuf4j.device.snippets;

import static org.lwjgl.vulkan.EXTExternalMemoryDmaBuf.VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
import static org.lwjgl.vulkan.EXTImageDrmFormatModifier.VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
import static org.lwjgl.vulkan.VK10.*;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.PlaneLayout;
import java.nio.LongBuffer;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkDevice;
import org.lwjgl.vulkan.VkExternalMemoryImageCreateInfo;
import org.lwjgl.vulkan.VkImageCreateInfo;
import org.lwjgl.vulkan.VkImageDrmFormatModifierExplicitCreateInfoEXT;
import org.lwjgl.vulkan.VkImportMemoryFdInfoKHR;
import org.lwjgl.vulkan.VkMemoryAllocateInfo;
import org.lwjgl.vulkan.VkMemoryDedicatedAllocateInfo;
import org.lwjgl.vulkan.VkSubresourceLayout;

/** A frame as a Vulkan image over the same bytes. */
final class VulkanImport {
  private VulkanImport() {}

  // @start region="import"
  /** An image over the bytes of a frame; the device may read and write it from now on. */
  static long importFrame(VkDevice device, DmaBuf frame, int vulkanFormat, int memoryType)
      throws InterruptedException {
    FrameLayout layout = frame.layout().orElseThrow();
    try (MemoryStack stack = MemoryStack.stackPush();
        OwnedFd fd = frame.exportFd()) { // waits for host fences: the device can't
      long image = createImage(device, layout, vulkanFormat, stack);
      var dedicated = VkMemoryDedicatedAllocateInfo.calloc(stack).sType$Default().image(image);
      var descriptor =
          VkImportMemoryFdInfoKHR.calloc(stack)
              .sType$Default()
              .pNext(dedicated.address())
              .handleType(VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT)
              .fd(fd.fd());
      var allocation =
          VkMemoryAllocateInfo.calloc(stack)
              .sType$Default()
              .pNext(descriptor.address())
              .allocationSize(frame.size())
              .memoryTypeIndex(memoryType);
      LongBuffer memory = stack.mallocLong(1);
      check(vkAllocateMemory(device, allocation, null, memory));
      fd.detach(); // imported: Vulkan closes it. Had it failed, we would
      check(vkBindImageMemory(device, image, memory.get(0), 0));
      return image;
    }
  }

  private static long createImage(
      VkDevice device, FrameLayout layout, int vulkanFormat, MemoryStack stack) {
    var planes = VkSubresourceLayout.calloc(layout.planes().size(), stack);
    for (int i = 0; i < layout.planes().size(); i++) {
      PlaneLayout plane = layout.planes().get(i);
      planes
          .get(i)
          .offset(plane.offset())
          .rowPitch(plane.stride()); // size stays 0, says the extension
    }
    var modifier =
        VkImageDrmFormatModifierExplicitCreateInfoEXT.calloc(stack)
            .sType$Default()
            .drmFormatModifier(layout.modifier())
            .pPlaneLayouts(planes);
    var external =
        VkExternalMemoryImageCreateInfo.calloc(stack)
            .sType$Default()
            .pNext(modifier.address())
            .handleTypes(VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
    var info =
        VkImageCreateInfo.calloc(stack)
            .sType$Default()
            .pNext(external.address())
            .imageType(VK_IMAGE_TYPE_2D)
            .format(vulkanFormat)
            .extent(extent -> extent.set(layout.width(), layout.height(), 1))
            .mipLevels(1)
            .arrayLayers(1)
            .samples(VK_SAMPLE_COUNT_1_BIT)
            .tiling(VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT)
            .usage(VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT);
    LongBuffer image = stack.mallocLong(1);
    check(vkCreateImage(device, info, null, image));
    return image.get(0);
  }

  // @end

  private static void check(int result) {
    if (result != VK_SUCCESS) {
      throw new IllegalStateException("Vulkan answered " + result);
    }
  }
}
