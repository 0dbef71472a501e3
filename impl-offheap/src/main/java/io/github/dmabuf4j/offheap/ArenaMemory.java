package io.github.dmabuf4j.offheap;

import java.lang.foreign.Arena;

/**
 * Memory from the JDK's own allocator: works everywhere, a block at a time. Every region is
 * committed from its start.
 */
final class ArenaMemory implements SlabMemory {
  @Override
  public String summary() {
    return "memory of the JDK's allocator";
  }

  @Override
  public long pageSize() {
    return SizeClasses.PAGE;
  }

  @Override
  public long maxAlignment() {
    return 2L << 20; // the JDK allocates the alignment on top of the size
  }

  @Override
  public long largestShared() {
    return 0;
  }

  @Override
  public Region map(long bytes, long alignment, boolean shared) throws SlabMemoryException {
    Arena arena = Arena.ofShared();
    try {
      return new Region(arena.allocate(bytes, alignment), arena);
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new SlabMemoryException("malloc of %d B: %s".formatted(bytes, e.getMessage()), e);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public boolean decommit(Region region, long offset, long bytes) {
    throw new UnsupportedOperationException("memory of the JDK's allocator goes back as a whole");
  }
}
