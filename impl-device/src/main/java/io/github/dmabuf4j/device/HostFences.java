package io.github.dmabuf4j.device;

import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceTimeoutException;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Fences;
import java.time.Duration;
import java.util.List;

/**
 * Waits for the fences of a buffer that another process or a device can't see, before it gets a
 * descriptor (design rule FN6): those of this process. Fences of the kernel are in the dma-buf
 * itself. So are none of the usage BOOKKEEP: nobody waits for these, here or there.
 *
 * <p><b>Threads.</b> Any; there is no state.
 */
final class HostFences {
  private HostFences() {}

  /**
   * Waits until all of now have signaled.
   *
   * @param buffer whose fences
   * @throws FenceTimeoutException if one didn't signal within the {@linkplain Fences#defaultTimeout
   *     usual time}: names it
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  static void await(BufferObject buffer) throws InterruptedException {
    List<Fence> pending = pending(buffer);
    Duration timeout = Fences.defaultTimeout();
    if (!pending.isEmpty() && !Fences.awaitAll(pending, timeout)) {
      Fence silent =
          pending.stream()
              .filter(fence -> !fence.isSignaled())
              .findFirst()
              .orElse(pending.getLast());
      throw new FenceTimeoutException(
          "exportFd",
          silent,
          timeout,
          "%s can't be shared yet: after %s there are pending fences that others can't see: %s; wait for them first, or share it before this work is published"
              .formatted(buffer.displayName(), timeout, pending(buffer)));
    }
  }

  private static List<Fence> pending(BufferObject buffer) {
    return buffer.reservation().fences(FenceUsage.READ).stream()
        .filter(fence -> fence.kind() == Fence.Kind.HOST && !fence.isSignaled())
        .toList();
  }
}
