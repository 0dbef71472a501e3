package io.github.dmabuf4j.examples.gpu;

import java.util.ArrayDeque;

/**
 * Objects that end together, in the reverse order of their making.
 *
 * <p>Whoever makes several opens one of these first and closes it if the making fails half-way:
 * then it destroys what there is.
 *
 * <p><b>Threads.</b> For one thread at a time.
 */
final class VulkanObjects implements AutoCloseable {
  private final Vulkan vulkan;
  private final ArrayDeque<Runnable> destroyers = new ArrayDeque<>();

  VulkanObjects(Vulkan vulkan) {
    this.vulkan = vulkan;
  }

  /** Takes over an object that was just made. */
  void add(Runnable destroyer) {
    vulkan.made();
    destroyers.push(destroyer);
  }

  /** Destroys all. Closing again does nothing. */
  @Override
  public void close() {
    for (Runnable next = destroyers.poll(); next != null; next = destroyers.poll()) {
      next.run();
      vulkan.destroyed();
    }
  }
}
