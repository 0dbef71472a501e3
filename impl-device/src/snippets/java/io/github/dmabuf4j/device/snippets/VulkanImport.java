package io.github.dmabuf4j.device.snippets;

import static org.lwjgl.vulkan.EXTExternalMemoryDmaBuf.VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
import static org.lwjgl.vulkan.EXTImageDrmFormatModifier.VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
import static org.lwjgl.vulkan.KHRExternalSemaphoreFd.vkGetSemaphoreFdKHR;
import static org.lwjgl.vulkan.VK10.*;
import static org.lwjgl.vulkan.VK11.VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.PlaneLayout;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.device.KernelFences;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkCommandBuffer;
import org.lwjgl.vulkan.VkDevice;
import org.lwjgl.vulkan.VkExternalMemoryImageCreateInfo;
import org.lwjgl.vulkan.VkImageCreateInfo;
import org.lwjgl.vulkan.VkImageDrmFormatModifierExplicitCreateInfoEXT;
import org.lwjgl.vulkan.VkImportMemoryFdInfoKHR;
import org.lwjgl.vulkan.VkMemoryAllocateInfo;
import org.lwjgl.vulkan.VkMemoryDedicatedAllocateInfo;
import org.lwjgl.vulkan.VkQueue;
import org.lwjgl.vulkan.VkSemaphoreGetFdInfoKHR;
import org.lwjgl.vulkan.VkSubmitInfo;
import org.lwjgl.vulkan.VkSubresourceLayout;

/** A frame as a Vulkan image over the same bytes, and the device's work on it as a fence. */
final class VulkanImport {
  private VulkanImport() {}

  // @start region="import"
  /** An image over the bytes of a frame, with its memory: the device may use it from now on. */
  static Imported importFrame(VkDevice device, DmaBuf frame, int vulkanFormat, int memoryType)
      throws InterruptedException {
    FrameLayout layout = frame.layout().orElseThrow();
    try (MemoryStack stack = MemoryStack.stackPush()) {
      long image = createImage(device, layout, vulkanFormat, stack);
      long memory = VK_NULL_HANDLE;
      boolean done = false;
      try {
        memory = importMemory(device, frame, image, memoryType, stack);
        check("vkBindImageMemory", vkBindImageMemory(device, image, memory, 0));
        done = true;
        return new Imported(image, memory);
      } finally {
        if (!done) {
          vkDestroyImage(device, image, null);
          vkFreeMemory(device, memory, null);
        }
      }
    }
  }

  private static long importMemory(
      VkDevice device, DmaBuf frame, long image, int memoryType, MemoryStack stack)
      throws InterruptedException {
    try (OwnedFd fd = frame.exportFd()) { // waits for host fences: the device can't
      var dedicated = VkMemoryDedicatedAllocateInfo.calloc(stack).sType$Default().image(image);
      var descriptor =
          VkImportMemoryFdInfoKHR.calloc(stack)
              .sType$Default()
              .handleType(VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT)
              .fd(fd.fd());
      var allocation =
          VkMemoryAllocateInfo.calloc(stack)
              .sType$Default()
              .pNext(descriptor)
              .pNext(dedicated)
              .allocationSize(frame.size())
              .memoryTypeIndex(memoryType);
      LongBuffer memory = stack.mallocLong(1);
      check("vkAllocateMemory", vkAllocateMemory(device, allocation, null, memory));
      fd.detach(); // imported: Vulkan closes it. Had it failed, we would
      return memory.get(0);
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
    check("vkCreateImage", vkCreateImage(device, info, null, image));
    return image.get(0);
  }

  // @end

  // @start region="submit"
  /**
   * Lets the device write a frame. Whoever uses it next waits for the device, by a fence of the
   * kernel's.
   *
   * @param semaphore one that can be exported as a sync_file
   */
  static void submit(VkQueue queue, VkCommandBuffer commands, long semaphore, DmaBuf frame)
      throws InterruptedException {
    Reservation reservation = frame.reservation();
    reservation.lockInterruptibly();
    try (MemoryStack stack = MemoryStack.stackPush()) {
      reservation.reserve(1); // may fail; what follows the submission must not
      reservation.await(FenceUsage.READ); // a writer waits for readers and writers
      var work =
          VkSubmitInfo.calloc(stack)
              .sType$Default()
              .pCommandBuffers(stack.pointers(commands))
              .pSignalSemaphores(stack.longs(semaphore));
      check("vkQueueSubmit", vkQueueSubmit(queue, work, VK_NULL_HANDLE));
      var export =
          VkSemaphoreGetFdInfoKHR.calloc(stack)
              .sType$Default()
              .semaphore(semaphore)
              .handleType(VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT);
      IntBuffer fd = stack.mallocInt(1);
      check("vkGetSemaphoreFdKHR", vkGetSemaphoreFdKHR(queue.getDevice(), export, fd));
      if (fd.get(0) >= 0) { // -1 stands for work that is done already
        reservation.add(KernelFences.ofThisProcess().importFence(fd.get(0)), FenceUsage.WRITE);
      }
    } finally {
      reservation.unlock();
    }
  }

  // @end

  /** What the device has of a frame. */
  record Imported(long image, long memory) {}

  private static void check(String function, int result) {
    if (result != VK_SUCCESS) {
      throw new IllegalStateException(function + " answered " + result);
    }
  }
}
