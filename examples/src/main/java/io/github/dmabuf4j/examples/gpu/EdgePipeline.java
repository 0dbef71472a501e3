package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.VK10.VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
import static org.lwjgl.vulkan.VK10.VK_NULL_HANDLE;
import static org.lwjgl.vulkan.VK10.VK_SHADER_STAGE_COMPUTE_BIT;
import static org.lwjgl.vulkan.VK10.vkCreateComputePipelines;
import static org.lwjgl.vulkan.VK10.vkCreateDescriptorSetLayout;
import static org.lwjgl.vulkan.VK10.vkCreatePipelineLayout;
import static org.lwjgl.vulkan.VK10.vkCreateShaderModule;
import static org.lwjgl.vulkan.VK10.vkDestroyDescriptorSetLayout;
import static org.lwjgl.vulkan.VK10.vkDestroyPipeline;
import static org.lwjgl.vulkan.VK10.vkDestroyPipelineLayout;
import static org.lwjgl.vulkan.VK10.vkDestroyShaderModule;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.system.MemoryUtil;
import org.lwjgl.vulkan.VkComputePipelineCreateInfo;
import org.lwjgl.vulkan.VkDescriptorSetLayoutBinding;
import org.lwjgl.vulkan.VkDescriptorSetLayoutCreateInfo;
import org.lwjgl.vulkan.VkDevice;
import org.lwjgl.vulkan.VkPipelineLayoutCreateInfo;
import org.lwjgl.vulkan.VkPushConstantRange;
import org.lwjgl.vulkan.VkShaderModuleCreateInfo;

/**
 * The edge filter, compiled for a device: two storage buffers, the decoded picture and the result,
 * and the {@link EdgeGeometry} as push constants.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class EdgePipeline implements AutoCloseable {
  /** Its storage buffers. */
  static final int BINDINGS = 2;

  private final VulkanObjects objects;
  private final long setLayout;
  private final long layout;
  private final long handle;

  private EdgePipeline(VulkanObjects objects, long setLayout, long layout, long handle) {
    this.objects = objects;
    this.setLayout = setLayout;
    this.layout = layout;
    this.handle = handle;
  }

  /**
   * Compiles the filter.
   *
   * @throws IOException if the program comes without its shader
   */
  static EdgePipeline of(ComputeDevice device) throws IOException {
    Vulkan vulkan = device.vulkan();
    VulkanObjects objects = new VulkanObjects(vulkan);
    boolean done = false;
    try {
      long setLayout = setLayout(vulkan, device.handle(), objects);
      long layout = layout(vulkan, device.handle(), setLayout, objects);
      long handle = pipeline(vulkan, device.handle(), layout, objects);
      done = true;
      return new EdgePipeline(objects, setLayout, layout, handle);
    } finally {
      if (!done) {
        objects.close();
      }
    }
  }

  private static long setLayout(Vulkan vulkan, VkDevice device, VulkanObjects objects) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var bindings = VkDescriptorSetLayoutBinding.calloc(BINDINGS, stack);
      for (int i = 0; i < BINDINGS; i++) {
        bindings
            .get(i)
            .binding(i)
            .descriptorType(VK_DESCRIPTOR_TYPE_STORAGE_BUFFER)
            .descriptorCount(1)
            .stageFlags(VK_SHADER_STAGE_COMPUTE_BIT);
      }
      var info = VkDescriptorSetLayoutCreateInfo.calloc(stack).sType$Default().pBindings(bindings);
      LongBuffer made = stack.mallocLong(1);
      vulkan.call(
          "vkCreateDescriptorSetLayout",
          () -> vkCreateDescriptorSetLayout(device, info, null, made));
      long setLayout = made.get(0);
      objects.add(() -> vkDestroyDescriptorSetLayout(device, setLayout, null));
      return setLayout;
    }
  }

  private static long layout(
      Vulkan vulkan, VkDevice device, long setLayout, VulkanObjects objects) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var constants = VkPushConstantRange.calloc(1, stack);
      constants.get(0).stageFlags(VK_SHADER_STAGE_COMPUTE_BIT).size(EdgeGeometry.BYTES);
      var info =
          VkPipelineLayoutCreateInfo.calloc(stack)
              .sType$Default()
              .pSetLayouts(stack.longs(setLayout))
              .pPushConstantRanges(constants);
      LongBuffer made = stack.mallocLong(1);
      vulkan.call("vkCreatePipelineLayout", () -> vkCreatePipelineLayout(device, info, null, made));
      long layout = made.get(0);
      objects.add(() -> vkDestroyPipelineLayout(device, layout, null));
      return layout;
    }
  }

  private static long pipeline(Vulkan vulkan, VkDevice device, long layout, VulkanObjects objects)
      throws IOException {
    try (MemoryStack stack = MemoryStack.stackPush();
        VulkanObjects temporary = new VulkanObjects(vulkan)) {
      var info = VkComputePipelineCreateInfo.calloc(1, stack);
      info.get(0).sType$Default().layout(layout);
      info.get(0)
          .stage()
          .sType$Default()
          .stage(VK_SHADER_STAGE_COMPUTE_BIT)
          .module(module(vulkan, device, temporary))
          .pName(stack.ASCII("main"));
      LongBuffer made = stack.mallocLong(1);
      vulkan.call(
          "vkCreateComputePipelines",
          () -> vkCreateComputePipelines(device, VK_NULL_HANDLE, info, null, made));
      long handle = made.get(0);
      objects.add(() -> vkDestroyPipeline(device, handle, null));
      return handle;
    }
  }

  private static long module(Vulkan vulkan, VkDevice device, VulkanObjects objects)
      throws IOException {
    ByteBuffer words = ShaderCompiler.compile("edges.comp");
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var info = VkShaderModuleCreateInfo.calloc(stack).sType$Default().pCode(words);
      LongBuffer made = stack.mallocLong(1);
      vulkan.call("vkCreateShaderModule", () -> vkCreateShaderModule(device, info, null, made));
      long module = made.get(0);
      objects.add(() -> vkDestroyShaderModule(device, module, null));
      return module;
    } finally {
      MemoryUtil.memFree(words);
    }
  }

  long handle() {
    return handle;
  }

  /** Of what the buffers and constants are bound to. */
  long layout() {
    return layout;
  }

  /** Of the buffers alone. */
  long setLayout() {
    return setLayout;
  }

  @Override
  public void close() {
    objects.close();
  }
}
