package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.VK10.VK_SUCCESS;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;

/**
 * The calls of one run: each answer is checked and named, and what calls make is counted until it
 * is destroyed. Not final, so that a test can make calls fail.
 *
 * <p><b>Invariant.</b> {@link #live} is the number of Vulkan objects made and not yet destroyed: it
 * rises after the call that makes one, by {@link VulkanObjects} alone, and falls when that destroys
 * it. At the end of a run, however it ended, it is 0.
 *
 * <p><b>Threads.</b> Any.
 */
class Vulkan {
  private final AtomicLong live = new AtomicLong();

  /**
   * Makes a call that must succeed.
   *
   * @param function its name, for the message
   * @param call the call
   * @throws VulkanException if it answers anything but {@code VK_SUCCESS}
   */
  final void call(String function, IntSupplier call) {
    int result = answer(function, call);
    if (result != VK_SUCCESS) {
      throw new VulkanException(function, result);
    }
  }

  /** Makes a call whose answer the caller looks at. */
  int answer(String function, IntSupplier call) {
    return call.getAsInt();
  }

  /** An object was made. */
  final void made() {
    live.incrementAndGet();
  }

  /** An object was destroyed. */
  final void destroyed() {
    live.decrementAndGet();
  }

  /** How many objects there are. */
  final long live() {
    return live.get();
  }
}
