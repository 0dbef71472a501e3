package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.EXTQueueFamilyForeign.VK_QUEUE_FAMILY_FOREIGN_EXT;
import static org.lwjgl.vulkan.VK10.VK_ACCESS_HOST_READ_BIT;
import static org.lwjgl.vulkan.VK10.VK_ACCESS_HOST_WRITE_BIT;
import static org.lwjgl.vulkan.VK10.VK_ACCESS_SHADER_READ_BIT;
import static org.lwjgl.vulkan.VK10.VK_ACCESS_SHADER_WRITE_BIT;
import static org.lwjgl.vulkan.VK10.VK_COMMAND_BUFFER_LEVEL_PRIMARY;
import static org.lwjgl.vulkan.VK10.VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
import static org.lwjgl.vulkan.VK10.VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
import static org.lwjgl.vulkan.VK10.VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
import static org.lwjgl.vulkan.VK10.VK_PIPELINE_BIND_POINT_COMPUTE;
import static org.lwjgl.vulkan.VK10.VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT;
import static org.lwjgl.vulkan.VK10.VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
import static org.lwjgl.vulkan.VK10.VK_PIPELINE_STAGE_HOST_BIT;
import static org.lwjgl.vulkan.VK10.VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT;
import static org.lwjgl.vulkan.VK10.VK_QUEUE_FAMILY_IGNORED;
import static org.lwjgl.vulkan.VK10.VK_SHADER_STAGE_COMPUTE_BIT;
import static org.lwjgl.vulkan.VK10.vkAllocateCommandBuffers;
import static org.lwjgl.vulkan.VK10.vkAllocateDescriptorSets;
import static org.lwjgl.vulkan.VK10.vkBeginCommandBuffer;
import static org.lwjgl.vulkan.VK10.vkCmdBindDescriptorSets;
import static org.lwjgl.vulkan.VK10.vkCmdBindPipeline;
import static org.lwjgl.vulkan.VK10.vkCmdDispatch;
import static org.lwjgl.vulkan.VK10.vkCmdPipelineBarrier;
import static org.lwjgl.vulkan.VK10.vkCmdPushConstants;
import static org.lwjgl.vulkan.VK10.vkCreateCommandPool;
import static org.lwjgl.vulkan.VK10.vkCreateDescriptorPool;
import static org.lwjgl.vulkan.VK10.vkDestroyCommandPool;
import static org.lwjgl.vulkan.VK10.vkDestroyDescriptorPool;
import static org.lwjgl.vulkan.VK10.vkEndCommandBuffer;
import static org.lwjgl.vulkan.VK10.vkUpdateDescriptorSets;
import static org.lwjgl.vulkan.VK11.VK_QUEUE_FAMILY_EXTERNAL;

import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import org.lwjgl.PointerBuffer;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkBufferMemoryBarrier;
import org.lwjgl.vulkan.VkCommandBuffer;
import org.lwjgl.vulkan.VkCommandBufferAllocateInfo;
import org.lwjgl.vulkan.VkCommandBufferBeginInfo;
import org.lwjgl.vulkan.VkCommandPoolCreateInfo;
import org.lwjgl.vulkan.VkDescriptorBufferInfo;
import org.lwjgl.vulkan.VkDescriptorPoolCreateInfo;
import org.lwjgl.vulkan.VkDescriptorPoolSize;
import org.lwjgl.vulkan.VkDescriptorSetAllocateInfo;
import org.lwjgl.vulkan.VkWriteDescriptorSet;

/**
 * Records the filtering of one picture at a time. The queue takes the buffers over from outside
 * Vulkan first, which makes what was written there visible to the shader, and gives them back
 * afterwards, which makes the result visible outside.
 *
 * <p><b>Threads.</b> For one thread; a recording may be replaced only when the device is done with
 * it.
 */
final class EdgeCommands implements AutoCloseable {
  private final Vulkan vulkan;
  private final ComputeDevice device;
  private final EdgePipeline pipeline;
  private final VulkanObjects objects;
  private final VkCommandBuffer commands;
  private final long set;

  private EdgeCommands(
      ComputeDevice device,
      EdgePipeline pipeline,
      VulkanObjects objects,
      VkCommandBuffer commands,
      long set) {
    this.vulkan = device.vulkan();
    this.device = device;
    this.pipeline = pipeline;
    this.objects = objects;
    this.commands = commands;
    this.set = set;
  }

  /** Prepares to record. */
  static EdgeCommands of(ComputeDevice device, EdgePipeline pipeline) {
    VulkanObjects objects = new VulkanObjects(device.vulkan());
    boolean done = false;
    try {
      VkCommandBuffer commands = commandBuffer(device, objects);
      long set = descriptorSet(device, pipeline, objects);
      done = true;
      return new EdgeCommands(device, pipeline, objects, commands, set);
    } finally {
      if (!done) {
        objects.close();
      }
    }
  }

  private static VkCommandBuffer commandBuffer(ComputeDevice device, VulkanObjects objects) {
    Vulkan vulkan = device.vulkan();
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var poolInfo =
          VkCommandPoolCreateInfo.calloc(stack)
              .sType$Default()
              .flags(VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT)
              .queueFamilyIndex(device.gpu().computeFamily());
      LongBuffer made = stack.mallocLong(1);
      vulkan.call(
          "vkCreateCommandPool", () -> vkCreateCommandPool(device.handle(), poolInfo, null, made));
      long pool = made.get(0);
      objects.add(() -> vkDestroyCommandPool(device.handle(), pool, null));
      var info =
          VkCommandBufferAllocateInfo.calloc(stack)
              .sType$Default()
              .commandPool(pool)
              .level(VK_COMMAND_BUFFER_LEVEL_PRIMARY)
              .commandBufferCount(1);
      PointerBuffer allocated = stack.mallocPointer(1); // ends with the pool
      vulkan.call(
          "vkAllocateCommandBuffers",
          () -> vkAllocateCommandBuffers(device.handle(), info, allocated));
      return new VkCommandBuffer(allocated.get(0), device.handle());
    }
  }

  private static long descriptorSet(
      ComputeDevice device, EdgePipeline pipeline, VulkanObjects objects) {
    Vulkan vulkan = device.vulkan();
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var sizes = VkDescriptorPoolSize.calloc(1, stack);
      sizes.get(0).type(VK_DESCRIPTOR_TYPE_STORAGE_BUFFER).descriptorCount(EdgePipeline.BINDINGS);
      var poolInfo =
          VkDescriptorPoolCreateInfo.calloc(stack).sType$Default().maxSets(1).pPoolSizes(sizes);
      LongBuffer made = stack.mallocLong(1);
      vulkan.call(
          "vkCreateDescriptorPool",
          () -> vkCreateDescriptorPool(device.handle(), poolInfo, null, made));
      long pool = made.get(0);
      objects.add(() -> vkDestroyDescriptorPool(device.handle(), pool, null));
      var info =
          VkDescriptorSetAllocateInfo.calloc(stack)
              .sType$Default()
              .descriptorPool(pool)
              .pSetLayouts(stack.longs(pipeline.setLayout()));
      LongBuffer allocated = stack.mallocLong(1); // ends with the pool
      vulkan.call(
          "vkAllocateDescriptorSets",
          () -> vkAllocateDescriptorSets(device.handle(), info, allocated));
      return allocated.get(0);
    }
  }

  /** Records the filtering of a picture, instead of what was recorded before. */
  VkCommandBuffer record(ImportedBuffer decoded, ImportedBuffer edges, EdgeGeometry geometry) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      bind(decoded, edges, stack);
      var begin =
          VkCommandBufferBeginInfo.calloc(stack)
              .sType$Default()
              .flags(VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT);
      vulkan.call("vkBeginCommandBuffer", () -> vkBeginCommandBuffer(commands, begin));
      takeOver(decoded, edges, stack);
      vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.handle());
      vkCmdBindDescriptorSets(
          commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.layout(), 0, stack.longs(set), null);
      ByteBuffer constants = stack.malloc(EdgeGeometry.BYTES);
      geometry.put(constants);
      vkCmdPushConstants(commands, pipeline.layout(), VK_SHADER_STAGE_COMPUTE_BIT, 0, constants);
      vkCmdDispatch(commands, geometry.groupsAcross(), geometry.groupsDown(), 1);
      giveBack(decoded, edges, stack);
      vulkan.call("vkEndCommandBuffer", () -> vkEndCommandBuffer(commands));
      return commands;
    }
  }

  private void bind(ImportedBuffer decoded, ImportedBuffer edges, MemoryStack stack) {
    var writes = VkWriteDescriptorSet.calloc(EdgePipeline.BINDINGS, stack);
    ImportedBuffer[] buffers = {decoded, edges};
    for (int i = 0; i < EdgePipeline.BINDINGS; i++) {
      var whole = VkDescriptorBufferInfo.calloc(1, stack);
      whole.get(0).buffer(buffers[i].handle()).offset(0).range(buffers[i].bytes());
      writes
          .get(i)
          .sType$Default()
          .dstSet(set)
          .dstBinding(i)
          .descriptorCount(1)
          .descriptorType(VK_DESCRIPTOR_TYPE_STORAGE_BUFFER)
          .pBufferInfo(whole);
    }
    vkUpdateDescriptorSets(device.handle(), writes, null);
  }

  private void takeOver(ImportedBuffer decoded, ImportedBuffer edges, MemoryStack stack) {
    boolean host = device.path() == MemoryPath.HOST_POINTER;
    var barriers = VkBufferMemoryBarrier.calloc(2, stack);
    int before = host ? VK_ACCESS_HOST_WRITE_BIT : 0;
    barrier(barriers.get(0), decoded, before, VK_ACCESS_SHADER_READ_BIT, true);
    barrier(barriers.get(1), edges, before, VK_ACCESS_SHADER_WRITE_BIT, true);
    vkCmdPipelineBarrier(
        commands,
        host ? VK_PIPELINE_STAGE_HOST_BIT : VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
        0,
        null,
        barriers,
        null);
  }

  private void giveBack(ImportedBuffer decoded, ImportedBuffer edges, MemoryStack stack) {
    boolean host = device.path() == MemoryPath.HOST_POINTER;
    var barriers = VkBufferMemoryBarrier.calloc(2, stack);
    int after = host ? VK_ACCESS_HOST_READ_BIT : 0;
    barrier(barriers.get(0), decoded, VK_ACCESS_SHADER_READ_BIT, after, false);
    barrier(barriers.get(1), edges, VK_ACCESS_SHADER_WRITE_BIT, after, false);
    vkCmdPipelineBarrier(
        commands,
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
        host ? VK_PIPELINE_STAGE_HOST_BIT : VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
        0,
        null,
        barriers,
        null);
  }

  private void barrier(
      VkBufferMemoryBarrier to, ImportedBuffer buffer, int before, int after, boolean taking) {
    int outside = outside();
    int ours =
        outside == VK_QUEUE_FAMILY_IGNORED ? VK_QUEUE_FAMILY_IGNORED : device.gpu().computeFamily();
    to.sType$Default()
        .srcAccessMask(before)
        .dstAccessMask(after)
        .srcQueueFamilyIndex(taking ? outside : ours)
        .dstQueueFamilyIndex(taking ? ours : outside)
        .buffer(buffer.handle())
        .offset(0)
        .size(buffer.bytes());
  }

  /** Who has the bytes before and after: somebody outside, or the CPU, which is no queue. */
  private int outside() {
    if (device.path() == MemoryPath.HOST_POINTER) {
      return VK_QUEUE_FAMILY_IGNORED;
    }
    return device.gpu().knowsForeignQueues()
        ? VK_QUEUE_FAMILY_FOREIGN_EXT
        : VK_QUEUE_FAMILY_EXTERNAL;
  }

  /** The device must be done with what was recorded. */
  @Override
  public void close() {
    objects.close();
  }
}
