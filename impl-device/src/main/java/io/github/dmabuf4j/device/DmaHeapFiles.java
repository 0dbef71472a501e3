package io.github.dmabuf4j.device;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.dma_heap_allocation_data;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * dma-bufs of one of the kernel's heaps, whose node is opened once.
 *
 * <p>Source: drivers/dma-buf/dma-heap.c; rules CH2 to CH5.
 */
final class DmaHeapFiles implements BufferFiles {
  private static final Path FOLDER = Path.of("/dev/dma_heap");

  private final String heapName;
  private final long pageSize = Syscalls.getpagesize();
  private final Descriptor device;

  /**
   * Opens the node of a heap.
   *
   * @param heap the kernel's name of it, for example {@code system}
   * @throws io.github.dmabuf4j.DmaBufException if it can't be opened
   */
  DmaHeapFiles(String heap) {
    this.heapName = "dma-heap:" + heap;
    this.device = open(node(heap));
  }

  /** Where the node of a heap is. */
  static Path node(String heap) {
    return FOLDER.resolve(heap);
  }

  /** Opens a device node. */
  static Descriptor open(Path node) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.DEVICE,
        node.toString(),
        "open",
        () -> Syscalls.open(node.toString(), linux_h.O_RDWR() | linux_h.O_CLOEXEC()));
  }

  @Override
  public String heapName() {
    return heapName;
  }

  @Override
  public long pageSize() {
    return pageSize;
  }

  @Override
  public boolean areDmaBufs() {
    return true;
  }

  @Override
  public Largest largest() {
    return MachineMemory.unswappable(pageSize);
  }

  @Override
  public Descriptor create(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = dma_heap_allocation_data.allocate(arena);
      dma_heap_allocation_data.len(request, bytes);
      dma_heap_allocation_data.fd_flags(request, linux_h.O_RDWR() | linux_h.O_CLOEXEC());
      String subject = "%s from %s".formatted(ByteSize.exact(bytes), heapName);
      return DescriptorBudget.OF_THIS_PROCESS.make(
          Descriptor.Kind.BUFFER,
          heapName,
          new SyscallFailure.Subject("DMA_HEAP_IOCTL_ALLOC", subject, DmaHeapFiles::advice),
          () -> allocate(request));
    }
  }

  private int allocate(MemorySegment request) {
    dma_heap_allocation_data.fd(
        request, 0); // what a call that was interrupted left there: rule CH2
    int result = device.use(fd -> Syscalls.ioctl(fd, linux_h.DMA_HEAP_IOCTL_ALLOC(), request));
    return result < 0 ? result : dma_heap_allocation_data.fd(request);
  }

  private static String advice(Errno errno) {
    return switch (errno) {
      case ENOMEM ->
          "free memory of this machine, or ask for less: a heap of one piece (CMA) has as much as"
              + " the kernel was booted with, see CmaTotal and CmaFree in /proc/meminfo, and cma="
              + " of the kernel's command line";
      case EINVAL -> "ask for at least a page; this kernel may not know the heap's flags";
      default -> "";
    };
  }

  @Override
  public void close() {
    device.close();
  }
}
