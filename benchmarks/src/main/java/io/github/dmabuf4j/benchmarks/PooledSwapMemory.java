package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.spi.SwapMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/** Memory that is kept for the next one who wants as many pages, as a heap's pool keeps it. */
final class PooledSwapMemory implements SwapMemory {
  private static final long PAGE = 4096;

  private final Arena arena = Arena.ofShared();
  private final Map<Long, Deque<MemorySegment>> idle = new HashMap<>();

  @Override
  public synchronized Piece allocate(long bytes) {
    long taken = (bytes + PAGE - 1) / PAGE * PAGE;
    MemorySegment kept = idle.computeIfAbsent(taken, _ -> new ArrayDeque<>()).poll();
    MemorySegment whole = kept == null ? arena.allocate(taken, PAGE) : kept;
    return new Piece() {
      @Override
      public MemorySegment segment() {
        return whole.asSlice(0, bytes);
      }

      @Override
      public void close() {
        give(taken, whole);
      }
    };
  }

  private synchronized void give(long taken, MemorySegment whole) {
    idle.computeIfAbsent(taken, _ -> new ArrayDeque<>()).push(whole);
  }

  /** Gives all back to the operating system. */
  void close() {
    arena.close();
  }
}
