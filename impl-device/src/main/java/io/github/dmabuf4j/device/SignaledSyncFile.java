package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.SyncFile;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.dma_heap_allocation_data;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A sync_file that has signaled, for exports of what is over. No call of the kernel makes one, but
 * a dma-buf that nobody uses exports one. So the first that has signaled without an error is kept,
 * wherever it came from, for the life of the process; where there is none yet, a page of the system
 * heap is asked for one.
 *
 * <p><b>Invariant.</b> {@code kept} is null, then one open descriptor for ever.
 *
 * <p><b>Threads.</b> Any.
 */
final class SignaledSyncFile {
  private static final String HEAP = "/dev/dma_heap/system";
  private static final String HOLDER = "a signaled fence";

  private final AtomicReference<@Nullable Descriptor> kept = new AtomicReference<>();

  /** Ends the use of a descriptor: keeps the first that will do, closes the others. */
  void keepOrClose(Descriptor file) {
    if (file.isClosed() || file == kept.get()) {
      return;
    }
    boolean keep = false;
    try {
      keep =
          kept.get() == null
              && SyncFile.status(file) == SyncFile.SIGNALED
              && kept.compareAndSet(null, file);
    } catch (IllegalArgumentException e) {
      // it is no sync_file
    } finally {
      if (!keep) {
        file.close();
      }
    }
  }

  /**
   * Another descriptor of it.
   *
   * @throws DmaBufException if none can be made here (EOPNOTSUPP), or no descriptor is left
   *     (EMFILE)
   */
  Descriptor duplicate() {
    Descriptor signaled = kept.get();
    return signaled == null ? make() : signaled.duplicate(HOLDER);
  }

  private Descriptor make() {
    try (Descriptor page = page()) {
      keepOrClose(ImplicitFences.export(page, Access.READ_WRITE));
    } catch (DmaBufException e) {
      if (e.errno().filter(EnumSet.of(Errno.EMFILE, Errno.ENFILE)::contains).isPresent()) {
        throw e;
      }
      throw cannot(e);
    }
    Descriptor signaled = kept.get();
    if (signaled == null) {
      throw cannot(null);
    }
    return signaled.duplicate(HOLDER);
  }

  private static DmaBufException cannot(@Nullable DmaBufException cause) {
    return new DmaBufException(
        "exportFence",
        Errno.EOPNOTSUPP,
        "wanted a sync_file for a fence that has signaled; this process has not seen one yet, and %s can't make one here%s. Leave the fence out: there is nothing to wait for"
            .formatted(HEAP, cause == null ? "" : " (" + cause.getMessage() + ")"),
        cause);
  }

  /** The smallest dma-buf there is. */
  private static Descriptor page() {
    DescriptorBudget budget = DescriptorBudget.OF_THIS_PROCESS;
    try (Descriptor heap =
            budget.make(
                Descriptor.Kind.DEVICE,
                HEAP,
                "open",
                () -> Syscalls.open(HEAP, linux_h.O_RDWR() | linux_h.O_CLOEXEC()));
        Arena arena = Arena.ofConfined()) {
      MemorySegment request = dma_heap_allocation_data.allocate(arena);
      dma_heap_allocation_data.len(request, 1); // the kernel rounds up
      dma_heap_allocation_data.fd_flags(request, linux_h.O_RDWR() | linux_h.O_CLOEXEC());
      return budget.make(
          Descriptor.Kind.BUFFER,
          HOLDER,
          "DMA_HEAP_IOCTL_ALLOC",
          () -> {
            int result =
                heap.use(fd -> Syscalls.ioctl(fd, linux_h.DMA_HEAP_IOCTL_ALLOC(), request));
            return result < 0 ? result : dma_heap_allocation_data.fd(request);
          });
    }
  }
}
