package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.EXTExternalMemoryHost.VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
import static org.lwjgl.vulkan.EXTExternalMemoryHost.vkGetMemoryHostPointerPropertiesEXT;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkImportMemoryHostPointerInfoEXT;
import org.lwjgl.vulkan.VkMemoryAllocateInfo;
import org.lwjgl.vulkan.VkMemoryHostPointerPropertiesEXT;

/**
 * Imports memory of this process by its address. A hold keeps the bytes there for as long as the
 * device has them. Only memory that both see the same bytes of at any time will do: there is no
 * mapping of Vulkan's to flush.
 */
final class HostPointerImport extends MemoryImport {
  private static final int TYPE = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;

  HostPointerImport(ComputeDevice device) {
    super(device, TYPE, device.gpu().hostPointerAlignment());
  }

  @Override
  long importMemory(
      DmaBuf buffer, long handle, int types, VulkanObjects objects, MemoryStack stack) {
    Hold hold = buffer.hold(ArenaKind.CONFINED);
    objects.add(hold::close);
    long address = hold.address();
    var pointer =
        VkImportMemoryHostPointerInfoEXT.calloc(stack)
            .sType$Default()
            .handleType(TYPE)
            .pHostPointer(address);
    var info =
        VkMemoryAllocateInfo.calloc(stack)
            .sType$Default()
            .pNext(pointer)
            .allocationSize(buffer.size());
    return allocate(info, types & typesOf(address, stack) & device().coherentTypes(), objects);
  }

  private int typesOf(long address, MemoryStack stack) {
    var properties = VkMemoryHostPointerPropertiesEXT.calloc(stack).sType$Default();
    device()
        .vulkan()
        .call(
            "vkGetMemoryHostPointerPropertiesEXT",
            () ->
                vkGetMemoryHostPointerPropertiesEXT(device().handle(), TYPE, address, properties));
    return properties.memoryTypeBits();
  }
}
