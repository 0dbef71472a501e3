package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.KHRExternalSemaphoreFd.vkGetSemaphoreFdKHR;
import static org.lwjgl.vulkan.VK10.VK_NULL_HANDLE;
import static org.lwjgl.vulkan.VK10.vkCreateSemaphore;
import static org.lwjgl.vulkan.VK10.vkDestroySemaphore;
import static org.lwjgl.vulkan.VK10.vkQueueSubmit;
import static org.lwjgl.vulkan.VK11.VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;

import io.github.dmabuf4j.AcquireContext;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.SyncFiles;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VkCommandBuffer;
import org.lwjgl.vulkan.VkExportSemaphoreCreateInfo;
import org.lwjgl.vulkan.VkSemaphoreCreateInfo;
import org.lwjgl.vulkan.VkSemaphoreGetFdInfoKHR;
import org.lwjgl.vulkan.VkSubmitInfo;

/**
 * The device signals a semaphore, which leaves Vulkan as a sync_file and becomes a kernel fence of
 * ours: nobody waits in between.
 *
 * <p><b>Invariant.</b> Both reservations are held from before the others' fences are looked at
 * until the new fence is in: so nobody comes between the device and those it waited for. Room for
 * the fence is made before the submission, after which nothing may fail. If the export fails all
 * the same, the device is waited for before the locks are given back, as nobody else could.
 */
final class SyncFileCompletion implements Completion {
  private static final int TYPE = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;

  /** What Vulkan says instead of a descriptor if all is done already. */
  private static final int SIGNALED = -1;

  private final Vulkan vulkan;
  private final ComputeDevice device;
  private final SyncFiles syncFiles;
  private final VulkanObjects objects;
  private final long semaphore;

  private SyncFileCompletion(
      ComputeDevice device, SyncFiles syncFiles, VulkanObjects objects, long semaphore) {
    this.vulkan = device.vulkan();
    this.device = device;
    this.syncFiles = syncFiles;
    this.objects = objects;
    this.semaphore = semaphore;
  }

  /**
   * Makes the semaphore. Its export resets it, so that it serves for one submission after another.
   */
  static SyncFileCompletion of(ComputeDevice device, SyncFiles syncFiles) {
    VulkanObjects objects = new VulkanObjects(device.vulkan());
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var export = VkExportSemaphoreCreateInfo.calloc(stack).sType$Default().handleTypes(TYPE);
      var info = VkSemaphoreCreateInfo.calloc(stack).sType$Default().pNext(export);
      LongBuffer made = stack.mallocLong(1);
      device
          .vulkan()
          .call("vkCreateSemaphore", () -> vkCreateSemaphore(device.handle(), info, null, made));
      long semaphore = made.get(0);
      objects.add(() -> vkDestroySemaphore(device.handle(), semaphore, null));
      return new SyncFileCompletion(device, syncFiles, objects, semaphore);
    }
  }

  @Override
  public Fence submit(VkCommandBuffer commands, DmaBuf decoded, DmaBuf edges)
      throws InterruptedException {
    try (var _ = AcquireContext.prepareAll(1, decoded.reservation(), edges.reservation())) {
      decoded.reservation().await(FenceUsage.WRITE); // a reader waits for writers,
      edges.reservation().await(FenceUsage.READ); // a writer for both
      submit(commands);
      Fence done = exported();
      decoded.reservation().add(done, FenceUsage.READ);
      edges.reservation().add(done, FenceUsage.WRITE);
      return done;
    }
  }

  private void submit(VkCommandBuffer commands) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var info =
          VkSubmitInfo.calloc(stack)
              .sType$Default()
              .pCommandBuffers(stack.pointers(commands))
              .pSignalSemaphores(stack.longs(semaphore));
      vulkan.call("vkQueueSubmit", () -> vkQueueSubmit(device.queue(), info, VK_NULL_HANDLE));
    }
  }

  private Fence exported() {
    boolean done = false;
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var info =
          VkSemaphoreGetFdInfoKHR.calloc(stack)
              .sType$Default()
              .semaphore(semaphore)
              .handleType(TYPE);
      IntBuffer fd = stack.mallocInt(1);
      vulkan.call("vkGetSemaphoreFdKHR", () -> vkGetSemaphoreFdKHR(device.handle(), info, fd));
      Fence fence = fd.get(0) == SIGNALED ? Fence.stub() : syncFiles.importFence(fd.get(0));
      done = true;
      return fence;
    } finally {
      if (!done) {
        device.awaitIdle();
      }
    }
  }

  @Override
  public String name() {
    return "sync-file";
  }

  @Override
  public void close() {
    objects.close();
  }
}
