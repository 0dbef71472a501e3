package io.github.dmabuf4j.offheap;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Memory of an operating system that refuses now and then, while it is told to: to map, to take
 * pages back, and to unmap, as if native code were running with a segment.
 *
 * <p><b>Threads.</b> Any.
 */
final class FaultyMemory implements SlabMemory {
  /** One call in so many is refused. */
  private static final int ONE_IN = 10;

  final AtomicLong refused = new AtomicLong();
  volatile boolean faulty;

  private final SlabMemory memory;

  FaultyMemory(SlabMemory memory) {
    this.memory = memory;
  }

  private boolean refuses() {
    boolean refuses = faulty && ThreadLocalRandom.current().nextInt(ONE_IN) == 0;
    if (refuses) {
      refused.incrementAndGet();
    }
    return refuses;
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
    if (refuses()) {
      throw new SlabMemoryException("refused by the test", null);
    }
    Region region = memory.map(bytes, alignment, shared);
    return new Region(region.segment(), new FaultyArena(region.arena()));
  }

  @Override
  public boolean decommit(Region region, long offset, long bytes) {
    return !refuses() && memory.decommit(region, offset, bytes);
  }

  private final class FaultyArena implements Arena {
    private final Arena arena;

    FaultyArena(Arena arena) {
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
      if (refuses()) {
        throw new IllegalStateException("Session is acquired by 1 clients");
      }
      arena.close();
    }
  }
}
