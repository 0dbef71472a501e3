package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.VK10.VK_SUCCESS;
import static org.lwjgl.vulkan.VK10.vkCreateFence;
import static org.lwjgl.vulkan.VK10.vkDestroyFence;
import static org.lwjgl.vulkan.VK10.vkQueueSubmit;
import static org.lwjgl.vulkan.VK10.vkResetFences;
import static org.lwjgl.vulkan.VK10.vkWaitForFences;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.Job;
import java.nio.LongBuffer;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkCommandBuffer;
import org.lwjgl.vulkan.VkFenceCreateInfo;
import org.lwjgl.vulkan.VkSubmitInfo;

/**
 * A thread waits for the device's own fence and then signals ours, which is that of a job: it keeps
 * both buffers in place until then.
 *
 * <p><b>Threads.</b> The thread that waits is a platform thread, for the call blocks: it would keep
 * the carrier of a virtual one.
 *
 * <p><b>Invariant.</b> The job ends exactly once: by the waiting thread if the commands were
 * submitted, else, or where there is no such thread, by the submitting one. The wait has no
 * deadline, as the bytes belong to the device until it is done; who waits for our fence has one.
 * The device's fence is unsignaled between two submissions: the thread that waits resets nothing,
 * and the next submission begins after our fence has signaled, hence after the wait.
 */
final class HostFenceCompletion implements Completion {
  private static final long FOR_EVER = -1L;

  private final Vulkan vulkan;
  private final ComputeDevice device;
  private final VulkanObjects objects;
  private final long fence;
  private final ExecutorService waiter =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("dmabuf4j-gpu-fence").daemon().factory());

  private HostFenceCompletion(ComputeDevice device, VulkanObjects objects, long fence) {
    this.vulkan = device.vulkan();
    this.device = device;
    this.objects = objects;
    this.fence = fence;
  }

  /** Makes the device's fence, and the thread that waits for it. */
  static HostFenceCompletion of(ComputeDevice device) {
    VulkanObjects objects = new VulkanObjects(device.vulkan());
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var info = VkFenceCreateInfo.calloc(stack).sType$Default();
      LongBuffer made = stack.mallocLong(1);
      device.vulkan().call("vkCreateFence", () -> vkCreateFence(device.handle(), info, null, made));
      long fence = made.get(0);
      objects.add(() -> vkDestroyFence(device.handle(), fence, null));
      return new HostFenceCompletion(device, objects, fence);
    }
  }

  @Override
  public Fence submit(VkCommandBuffer commands, DmaBuf decoded, DmaBuf edges)
      throws InterruptedException {
    Job job = Job.named("edges on the GPU").reads(decoded).writes(edges).publish();
    boolean submitted = false;
    try {
      job.awaitDependencies();
      submit(commands);
      submitted = true;
    } finally {
      if (!submitted) {
        job.close(); // fails its fence
      }
    }
    endLater(job);
    return job.fence();
  }

  private void endLater(Job job) {
    try {
      waiter.execute(() -> endWhenDone(job));
    } catch (RejectedExecutionException | OutOfMemoryError noThread) {
      endWhenDone(job);
    }
  }

  private void submit(VkCommandBuffer commands) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      vulkan.call("vkResetFences", () -> vkResetFences(device.handle(), fence));
      var info =
          VkSubmitInfo.calloc(stack).sType$Default().pCommandBuffers(stack.pointers(commands));
      vulkan.call("vkQueueSubmit", () -> vkQueueSubmit(device.queue(), info, fence));
    }
  }

  private void endWhenDone(Job job) {
    try {
      int result =
          vulkan.answer(
              "vkWaitForFences", () -> vkWaitForFences(device.handle(), fence, true, FOR_EVER));
      if (result != VK_SUCCESS) { // it is lost: then nothing runs any more
        throw new VulkanException("vkWaitForFences", result);
      }
      boolean _ = job.signal();
    } catch (Throwable e) {
      boolean _ = job.fail(e);
    }
  }

  @Override
  public String name() {
    return "host-fence";
  }

  @Override
  public void close() {
    waiter.close(); // what it waits for has come: the device is idle
    objects.close();
  }
}
