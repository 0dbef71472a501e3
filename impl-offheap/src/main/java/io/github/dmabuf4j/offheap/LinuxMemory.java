package io.github.dmabuf4j.offheap;

import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Private anonymous mappings of Linux: address space is reserved at once, memory comes at the first
 * touch of each page and goes back with {@code MADV_DONTNEED}.
 */
final class LinuxMemory implements SlabMemory {
  private static final System.Logger LOG = System.getLogger(LinuxMemory.class.getName());

  private static final long MAX_ALIGNMENT = 1L << 30;

  private final long pageSize = Libc.getpagesize();

  @Override
  public String summary() {
    return "private anonymous mappings";
  }

  @Override
  public long pageSize() {
    return pageSize;
  }

  @Override
  public long maxAlignment() {
    return MAX_ALIGNMENT;
  }

  @Override
  public boolean canDecommit() {
    return true;
  }

  @Override
  public Region map(long bytes, long alignment, boolean shared) throws SlabMemoryException {
    MemorySegment pages = mapAligned(roundUp(bytes, pageSize), Math.max(alignment, pageSize));
    if (shared) {
      // A huge page would bring in the pages of idle neighbours, and keep those that were given
      // back.
      int refused = Libc.madvise(pages, Libc.MADV_NOHUGEPAGE);
      if (refused != 0) { // EINVAL: a kernel without huge pages
        LOG.log(Level.DEBUG, "madvise(MADV_NOHUGEPAGE) returned {0}", refused);
      }
    }
    // Shared, for POOL segments are used on any thread: once unmapped, their use is an exception
    // and not a crash.
    Arena arena = Arena.ofShared();
    return new Region(pages.reinterpret(arena, LinuxMemory::unmap).asSlice(0, bytes), arena);
  }

  /**
   * Reserves more than is needed where the alignment asks for it, and gives back what lies around.
   */
  private MemorySegment mapAligned(long bytes, long alignment) throws SlabMemoryException {
    long reserved = bytes + alignment - pageSize;
    long address =
        Libc.mmap(
            reserved,
            Libc.PROT_READ | Libc.PROT_WRITE,
            Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE);
    if (address < 0 && address > -4096) {
      throw new SlabMemoryException(
          "mmap of %d B failed with errno %d%s".formatted(reserved, -address, hint(-address)),
          null);
    }
    MemorySegment all = MemorySegment.ofAddress(address).reinterpret(reserved);
    long head = roundUp(address, alignment) - address;
    if (head > 0) {
      unmap(all.asSlice(0, head));
    }
    if (head + bytes < reserved) {
      unmap(all.asSlice(head + bytes));
    }
    return all.asSlice(head, bytes);
  }

  private static String hint(long errno) {
    return errno == 12 ? " (ENOMEM: see ulimit -v, vm.max_map_count and vm.overcommit_memory)" : "";
  }

  private static void unmap(MemorySegment pages) {
    int refused = Libc.munmap(pages);
    if (refused != 0) {
      LOG.log(Level.ERROR, "munmap of {0} failed with errno {1}: it stays mapped", pages, -refused);
    }
  }

  @Override
  public boolean decommit(Region region, long offset, long bytes) {
    int refused = Libc.madvise(region.segment().asSlice(offset, bytes), Libc.MADV_DONTNEED);
    if (refused != 0) { // EINVAL: locked pages
      LOG.log(Level.DEBUG, "madvise(MADV_DONTNEED) returned {0}", refused);
    }
    return refused == 0;
  }

  private static long roundUp(long value, long unit) {
    return (value + unit - 1) & -unit;
  }
}
