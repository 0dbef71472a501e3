package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.PoolingStrategy;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * A strategy that counts, fills what it gives with a byte, and fails when told to. Counts may be
 * read from any thread.
 */
final class RecordingStrategy implements PoolingStrategy {
  static final byte USED = 0x5a;

  final AtomicInteger allocated = new AtomicInteger();
  final AtomicInteger freed = new AtomicInteger();
  final AtomicInteger trimmed = new AtomicInteger();
  final AtomicInteger closed = new AtomicInteger();

  /** What happens first in each call; it may throw, or wait. */
  volatile Consumer<Long> beforeAllocate = bytes -> {};

  volatile Runnable beforeFree = () -> {};
  volatile Runnable beforeTrim = () -> {};
  volatile Runnable beforeClose = () -> {};

  volatile long maxAlignment = 4096;

  /** How far from an aligned address pieces lie. */
  volatile long offset;

  volatile boolean saysZero;
  volatile Thread lastToFree = Thread.currentThread();

  int live() {
    return allocated.get() - freed.get();
  }

  @Override
  public Piece allocate(long bytes, long alignment) {
    beforeAllocate.accept(bytes);
    Arena arena = Arena.ofShared();
    MemorySegment segment = arena.allocate(bytes + offset, alignment).asSlice(offset);
    segment.fill(USED);
    allocated.incrementAndGet();
    return new Recorded(arena, segment.address());
  }

  @Override
  public long maxAlignment() {
    return maxAlignment;
  }

  @Override
  public long trim() {
    trimmed.incrementAndGet();
    beforeTrim.run();
    return 0;
  }

  @Override
  public long committedBytes() {
    return live();
  }

  @Override
  public void close() {
    closed.incrementAndGet();
    beforeClose.run();
  }

  private final class Recorded implements Piece {
    private final Arena arena;
    private final long address;

    Recorded(Arena arena, long address) {
      this.arena = arena;
      this.address = address;
    }

    @Override
    public long address() {
      return address;
    }

    @Override
    public boolean isZero() {
      return saysZero;
    }

    @Override
    public void free() {
      lastToFree = Thread.currentThread();
      beforeFree.run();
      arena.close(); // throws the second time
      freed.incrementAndGet();
    }
  }
}
