package io.github.dmabuf4j.offheap;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Memory that counts its regions and what goes back of them, and whose arenas refuse to be closed
 * when told to, as those do whose segments native code has. Counts may be read from any thread.
 */
final class RecordingMemory implements SlabMemory {
  final AtomicInteger mapped = new AtomicInteger();
  final AtomicInteger unmapped = new AtomicInteger();
  final AtomicInteger decommits = new AtomicInteger();
  volatile boolean refusesToUnmap;

  /** What happens first when pages go back, on the thread that gives them. */
  volatile Runnable beforeDecommit = () -> {};

  private final SlabMemory memory;

  RecordingMemory(SlabMemory memory) {
    this.memory = memory;
  }

  int live() {
    return mapped.get() - unmapped.get();
  }

  @Override
  public String summary() {
    return memory.summary();
  }

  @Override
  public long pageSize() {
    return memory.pageSize();
  }

  @Override
  public long maxAlignment() {
    return memory.maxAlignment();
  }

  @Override
  public long largestShared() {
    return memory.largestShared();
  }

  @Override
  public Region map(long bytes, long alignment, boolean shared) throws SlabMemoryException {
    Region region = memory.map(bytes, alignment, shared);
    mapped.incrementAndGet();
    return new Region(region.segment(), new RecordingArena(region.arena()));
  }

  @Override
  public boolean decommit(Region region, long offset, long bytes) {
    decommits.incrementAndGet();
    beforeDecommit.run();
    return memory.decommit(region, offset, bytes);
  }

  private final class RecordingArena implements Arena {
    private final Arena arena;

    RecordingArena(Arena arena) {
      this.arena = arena;
    }

    @Override
    public MemorySegment allocate(long bytes, long alignment) {
      return arena.allocate(bytes, alignment);
    }

    @Override
    public MemorySegment.Scope scope() {
      return arena.scope();
    }

    @Override
    public void close() {
      if (refusesToUnmap) {
        throw new IllegalStateException("Session is acquired by 1 clients");
      }
      arena.close();
      unmapped.incrementAndGet();
    }
  }
}
