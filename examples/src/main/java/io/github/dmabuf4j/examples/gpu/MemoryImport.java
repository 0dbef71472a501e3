package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.VK10.VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
import static org.lwjgl.vulkan.VK10.VK_SHARING_MODE_EXCLUSIVE;
import static org.lwjgl.vulkan.VK10.vkAllocateMemory;
import static org.lwjgl.vulkan.VK10.vkBindBufferMemory;
import static org.lwjgl.vulkan.VK10.vkCreateBuffer;
import static org.lwjgl.vulkan.VK10.vkDestroyBuffer;
import static org.lwjgl.vulkan.VK10.vkFreeMemory;
import static org.lwjgl.vulkan.VK10.vkGetBufferMemoryRequirements;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.examples.BadInputException;
import java.nio.LongBuffer;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkBufferCreateInfo;
import org.lwjgl.vulkan.VkExternalMemoryBufferCreateInfo;
import org.lwjgl.vulkan.VkMemoryAllocateInfo;
import org.lwjgl.vulkan.VkMemoryRequirements;

/**
 * Gives a device the bytes of our buffers. The device attaches to each buffer while it has it, so
 * that a heap's report says so.
 *
 * <p><b>Threads.</b> For one thread.
 */
abstract sealed class MemoryImport permits DmaBufImport, HostPointerImport {
  private final ComputeDevice device;
  private final int handleType;
  private final long unit;
  private final Importer importer;

  /**
   * Prepares to import.
   *
   * @param handleType of the memory, one bit
   * @param unit what address and size of buffers must be multiples of, in bytes
   */
  MemoryImport(ComputeDevice device, int handleType, long unit) {
    this.device = device;
    this.handleType = handleType;
    this.unit = unit;
    this.importer = () -> device.gpu().name();
  }

  /** The way that a device was opened for. */
  static MemoryImport of(ComputeDevice device) {
    return switch (device.path()) {
      case DMA_BUF -> new DmaBufImport(device);
      case HOST_POINTER -> new HostPointerImport(device);
    };
  }

  /** What to ask a heap for instead, so that the buffer can be imported. */
  final AllocationRequest fit(AllocationRequest wanted) {
    AllocationRequest.Builder request =
        AllocationRequest.of(Math.ceilDiv(wanted.size(), unit) * unit)
            .alignment(Math.max(wanted.alignment(), unit))
            .policy(wanted.policy());
    if (wanted.content() == AllocationRequest.Content.UNINITIALIZED) {
      request.uninitialized();
    }
    wanted.name().ifPresent(request::name);
    return request.build();
  }

  /**
   * Imports a buffer.
   *
   * @param buffer was allocated as {@link #fit} says
   * @return what the device has over it, to be closed before the buffer's last handle is
   * @throws BadInputException if the device has no such large buffers
   * @throws InterruptedException if the thread is interrupted while waiting for host fences on it
   * @throws VulkanException if the device refuses
   */
  final ImportedBuffer importBuffer(DmaBuf buffer) throws BadInputException, InterruptedException {
    long bytes = buffer.size();
    if (bytes > Math.min(device.gpu().maxBufferBytes(), Integer.MAX_VALUE)) {
      throw new BadInputException(
          "a picture of %d bytes is too large for %s, whose buffers have at most %d"
              .formatted(bytes, device.gpu(), device.gpu().maxBufferBytes()));
    }
    VulkanObjects objects = new VulkanObjects(device.vulkan());
    boolean done = false;
    try (MemoryStack stack = MemoryStack.stackPush()) {
      Attachment attachment = buffer.attach(importer);
      objects.add(attachment::close);
      long handle = createBuffer(bytes, objects, stack);
      var requirements = VkMemoryRequirements.calloc(stack);
      vkGetBufferMemoryRequirements(device.handle(), handle, requirements);
      if (requirements.size() > bytes) {
        throw new IllegalStateException(
            "%s wants %d bytes of memory for a buffer of %d"
                .formatted(device.gpu(), requirements.size(), bytes));
      }
      long memory = importMemory(buffer, handle, requirements.memoryTypeBits(), objects, stack);
      device
          .vulkan()
          .call("vkBindBufferMemory", () -> vkBindBufferMemory(device.handle(), handle, memory, 0));
      ImportedBuffer imported = new ImportedBuffer(objects, handle, bytes);
      done = true;
      return imported;
    } finally {
      if (!done) {
        objects.close();
      }
    }
  }

  private long createBuffer(long bytes, VulkanObjects objects, MemoryStack stack) {
    var external =
        VkExternalMemoryBufferCreateInfo.calloc(stack).sType$Default().handleTypes(handleType);
    var info =
        VkBufferCreateInfo.calloc(stack)
            .sType$Default()
            .pNext(external)
            .size(bytes)
            .usage(VK_BUFFER_USAGE_STORAGE_BUFFER_BIT)
            .sharingMode(VK_SHARING_MODE_EXCLUSIVE);
    LongBuffer made = stack.mallocLong(1);
    device.vulkan().call("vkCreateBuffer", () -> vkCreateBuffer(device.handle(), info, null, made));
    long handle = made.get(0);
    objects.add(() -> vkDestroyBuffer(device.handle(), handle, null));
    return handle;
  }

  /**
   * Imports the bytes.
   *
   * @param buffer whose bytes
   * @param handle of the device's buffer that gets them
   * @param types a bit for each type of memory that it may have
   * @param objects takes over what is made
   * @return the device's memory
   */
  abstract long importMemory(
      DmaBuf buffer, long handle, int types, VulkanObjects objects, MemoryStack stack)
      throws InterruptedException;

  /**
   * Allocates memory: what stands behind the information is imported.
   *
   * @param types a bit for each type that is good
   */
  final long allocate(VkMemoryAllocateInfo info, int types, VulkanObjects objects) {
    if (types == 0) {
      throw new IllegalStateException(
          "%s has no type of memory for a buffer that is imported as %s"
              .formatted(device.gpu(), device.path()));
    }
    info.memoryTypeIndex(Integer.numberOfTrailingZeros(types));
    long[] made = new long[1];
    // First: once Vulkan has taken a descriptor over, nothing may fail before its owner knows.
    objects.add(() -> vkFreeMemory(device.handle(), made[0], null)); // of 0: does nothing
    device
        .vulkan()
        .call("vkAllocateMemory", () -> vkAllocateMemory(device.handle(), info, null, made));
    return made[0];
  }

  final ComputeDevice device() {
    return device;
  }
}
