package io.github.dmabuf4j.examples.gpu;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import org.lwjgl.vulkan.VkCommandBuffer;

/**
 * How those who wait for a buffer learn that the device is done with it.
 *
 * <p><b>Threads.</b> For one thread, with one submission at a time on its way.
 */
sealed interface Completion extends AutoCloseable permits SyncFileCompletion, HostFenceCompletion {
  /**
   * Lets the device read one buffer and write another, once those who use them are done. When this
   * returns, its fence is in both buffers: others wait for the device from then on.
   *
   * @param commands what the device does
   * @param decoded what it reads
   * @param edges what it writes
   * @return the fence
   * @throws InterruptedException if the thread is interrupted while waiting for others; nothing was
   *     submitted
   * @throws VulkanException if the device refuses; nothing is on its way, and no fence is pending
   */
  Fence submit(VkCommandBuffer commands, DmaBuf decoded, DmaBuf edges) throws InterruptedException;

  /** Which way it is, for the results. */
  String name();

  /** The device must be idle. */
  @Override
  void close();
}
