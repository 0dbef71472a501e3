package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.OffCarrier;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.Restarted;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.dma_buf_export_sync_file;
import io.github.dmabuf4j.device.linux.bindings.dma_buf_import_sync_file;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The fences that the kernel keeps in a dma-buf, of all processes and devices that use it. They are
 * asked for at each wait and never remembered (design rule RL8).
 *
 * <p><b>What conflicts.</b> A reader waits for what poll calls IN: writers and memory management. A
 * writer waits for OUT: those and the readers (rules CP1, CP2). Looking says nothing about caches
 * (rule CP5).
 *
 * <p><b>Not atomic.</b> Between a snapshot, the work that waits for it and the fence that is added
 * for the work, others may add theirs (rule CP8): whoever shares a buffer with somebody who submits
 * work, too, agrees with them on turns. In the same way, a device may begin between the end of a
 * wait and the call that makes the bytes coherent, which then waits in the kernel.
 *
 * <p><b>Threads.</b> Any. The reservation may be held where it isn't said otherwise: the kernel
 * looks without a lock.
 *
 * <p>Source: dma_buf_poll, dma_buf_export_sync_file, dma_buf_import_sync_file in
 * drivers/dma-buf/dma-buf.c; rules CP1 to CP8.
 */
final class ImplicitFences {
  private final Descriptor file;
  private final KernelFences fences;
  private final Poller poller;

  /**
   * Those of a dma-buf.
   *
   * @param file its descriptor, which stays its owner's
   */
  ImplicitFences(Descriptor file) {
    this(file, KernelFences.ofThisProcess(), Poller.ofThisProcess());
  }

  ImplicitFences(Descriptor file, KernelFences fences, Poller poller) {
    this.file = file;
    this.fences = fences;
    this.poller = poller;
  }

  private static int events(Access access) {
    return access.writes() ? Poller.OUT : Poller.IN;
  }

  /**
   * Looks whether an access would have to wait. One system call.
   *
   * @param access what is to begin
   * @return true if nothing that conflicts is pending
   * @throws IllegalStateException if the descriptor is closed
   */
  boolean isReady(Access access) {
    return Poller.look(file, events(access)) != 0;
  }

  /**
   * Waits until nothing that conflicts is pending, with what comes meanwhile (rule CP3).
   *
   * @param access what is to begin
   * @param timeout how long at most; zero or less only looks
   * @return false if the time was up first
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if the descriptor is closed
   * @throws DmaBufException if the kernel has no room to watch it (ENOSPC, ENOMEM, EMFILE)
   */
  boolean await(Access access, Duration timeout) throws InterruptedException {
    return poller.await(file, events(access), TimeUnit.NANOSECONDS.convert(timeout));
  }

  /**
   * Waits as {@link #await} does, not interruptibly: an interrupt is kept for later.
   *
   * @param access what is to begin
   * @param timeout how long at most; zero or less only looks
   * @return false if the time was up first
   * @throws IllegalStateException as {@link #await} does
   * @throws DmaBufException as {@link #await} does
   */
  boolean awaitUninterruptibly(Access access, Duration timeout) {
    return poller.awaitUninterruptibly(file, events(access), TimeUnit.NANOSECONDS.convert(timeout));
  }

  /**
   * What conflicts now, as one fence. What is added later doesn't matter to it (rule CP6).
   *
   * @param access what is to begin
   * @return a kernel fence, signaled if nothing is pending
   * @throws IllegalStateException if the descriptor is closed
   * @throws DmaBufException if this kernel is older than 6.0 (ENOTTY), or no descriptor is left
   *     (EMFILE)
   */
  Fence snapshot(Access access) {
    return fences.own(export(file, access));
  }

  /** A new sync_file of what conflicts now in a dma-buf. Throws what {@link #snapshot} does. */
  static Descriptor export(Descriptor file, Access access) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.FENCE,
        "fences of " + file,
        "DMA_BUF_IOCTL_EXPORT_SYNC_FILE",
        () -> export(file, flags(access)));
  }

  private static int export(Descriptor file, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = dma_buf_export_sync_file.allocate(arena);
      dma_buf_export_sync_file.flags(request, flags);
      dma_buf_export_sync_file.fd(request, -1);
      int result =
          file.use(fd -> Syscalls.ioctl(fd, linux_h.DMA_BUF_IOCTL_EXPORT_SYNC_FILE(), request));
      return result < 0 ? result : dma_buf_export_sync_file.fd(request);
    }
  }

  private static int flags(Access access) {
    return (access.reads() ? linux_h.DMA_BUF_SYNC_READ() : 0)
        | (access.writes() ? linux_h.DMA_BUF_SYNC_WRITE() : 0);
  }

  /**
   * What is pending of a usage and of all stronger ones, for {@link
   * io.github.dmabuf4j.spi.Exporter#foreignFences}. One system call if nothing is. The kernel tells
   * two kinds apart, so whoever asks for KERNEL gets the writers, too; and it tells nobody of
   * BOOKKEEP. Where there is no snapshot to be had, the fence signals when poll says so, which is
   * later if others go on adding theirs.
   *
   * @param usage the weakest usage to return
   * @return a kernel fence, or nothing; nothing, too, if the descriptor is closed
   * @throws DmaBufException if the kernel has no room to watch it (ENOSPC, ENOMEM)
   */
  List<Fence> pending(FenceUsage usage) {
    try {
      return file.isClosed() ? List.of() : pendingOfOpen(usage);
    } catch (IllegalStateException e) {
      if (file.isClosed()) { // meanwhile
        return List.of();
      }
      throw e;
    }
  }

  private List<Fence> pendingOfOpen(FenceUsage usage) {
    Access access = usage.includes(FenceUsage.READ) ? Access.READ_WRITE : Access.READ;
    if (isReady(access)) {
      return List.of();
    }
    Fence fence;
    try {
      fence = snapshot(access);
    } catch (DmaBufException e) {
      Errno errno = e.errno().orElse(Errno.EIO);
      if (errno != Errno.ENOTTY && errno != Errno.EMFILE && errno != Errno.ENFILE) {
        throw e;
      }
      fence = fences.whenReady(file, events(access));
    }
    return fence.isSignaled() ? List.of() : List.of(fence);
  }

  /**
   * Adds a kernel fence, so that all processes and devices wait for it; adds nothing if it has
   * signaled (rule CP7). The kernel locks the dma-buf for it, which drivers may hold for a while:
   * not to be called with the reservation held.
   *
   * @param fence a kernel fence, or a container of such
   * @param access what is done until it signals: a writer's if it writes, else a reader's
   * @throws IllegalArgumentException if a part is pending and isn't of the kernel: names it
   * @throws IllegalStateException if the descriptor is closed
   * @throws DmaBufException if this kernel is older than 6.0 (ENOTTY), or no descriptor is left
   *     (EMFILE)
   */
  void add(Fence fence, Access access) {
    if (Fences.unwrap(List.of(fence)).stream().allMatch(Fence::isSignaled)) {
      return;
    }
    try (OwnedFd exported = fences.exportFence(fence);
        Arena arena = Arena.ofShared()) {
      MemorySegment request = dma_buf_import_sync_file.allocate(arena);
      dma_buf_import_sync_file.flags(request, flags(access));
      dma_buf_import_sync_file.fd(request, exported.fd());
      int result =
          OffCarrier.call(
              () ->
                  file.use(
                      fd ->
                          Restarted.call(
                              () ->
                                  Syscalls.ioctl(
                                      fd, linux_h.DMA_BUF_IOCTL_IMPORT_SYNC_FILE(), request))));
      int _ = SyscallFailure.check("DMA_BUF_IOCTL_IMPORT_SYNC_FILE", file.toString(), result);
    }
  }
}
