package io.github.dmabuf4j;

/**
 * Kernel fences in and out of this process: a {@code sync_file} descriptor becomes a {@link Fence}
 * and a fence becomes a descriptor.
 *
 * <p>{@code dmabuf4j-device} has them: {@code io.github.dmabuf4j.device.KernelFences}.
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
   * @throws IllegalArgumentException if it is no sync_file's descriptor; it is closed then, too
   * @throws DmaBufException if the kernel has no room to watch it
   */
  Fence importFence(int fd);

  /**
   * Makes a sync_file of a fence. Parts that have signaled are left out, with their errors, as the
   * kernel leaves them out of a merge.
   *
   * @param fence a kernel fence, or a container of such
   * @return a descriptor, owned by the caller
   * @throws IllegalArgumentException if a part is pending and didn't come from a sync_file, as a
   *     host fence: names it
   * @throws DmaBufException if no descriptor is left (EMFILE), or a signaled sync_file is wanted
   *     and can't be made here (EOPNOTSUPP)
   */
  OwnedFd exportFence(Fence fence);
}
