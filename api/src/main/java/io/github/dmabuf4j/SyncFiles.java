package io.github.dmabuf4j;

/**
 * Kernel fences in and out of this process: a {@code sync_file} descriptor becomes a {@link Fence}
 * and a fence becomes a descriptor.
 *
 * <p><b>Shape.</b> This type fixes the contract; no implementation is shipped yet.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: drivers/dma-buf/sync_file.c; rules CS1 to CS3, design rule FN6.
 */
public interface SyncFiles {
  /**
   * Takes a sync_file over.
   *
   * @param fd its descriptor, owned by the fence from now on, even if this call fails, and closed
   *     when it signals
   * @return a kernel fence, foreign: a wait gives up after {@link FenceContext#DEFAULT_SILENCE}
   */
  Fence importFence(int fd);

  /**
   * Makes a sync_file of a fence.
   *
   * @param fence a kernel fence, or a container of such
   * @return a descriptor, owned by the caller
   * @throws IllegalArgumentException if a part is a host fence, which can't become a sync_file:
   *     names it
   */
  OwnedFd exportFence(Fence fence);
}
