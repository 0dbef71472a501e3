package io.github.dmabuf4j.snippets;

import io.github.dmabuf4j.spi.PoolingStrategy;
import java.lang.foreign.Arena;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

// @start region="strategy"
/** Keeps freed memory for the next one who wants no more than that, first come, first served. */
public final class ExampleStrategy implements PoolingStrategy {
  private final ConcurrentLinkedQueue<Kept> idle = new ConcurrentLinkedQueue<>();
  private final AtomicLong committed = new AtomicLong();

  @Override
  public Piece allocate(long bytes, long alignment) {
    Kept kept = idle.poll();
    if (kept != null && kept.bytes >= bytes && kept.address % alignment == 0) {
      return kept;
    }
    if (kept != null) {
      kept.giveBack();
    }
    Arena arena = Arena.ofShared(); // any thread may close it
    try {
      Piece fresh = new Kept(arena, arena.allocate(bytes, alignment).address(), bytes);
      committed.addAndGet(bytes);
      return fresh;
    } catch (OutOfMemoryError e) {
      arena.close();
      throw e;
    }
  }

  private final class Kept implements Piece {
    private final Arena arena;
    private final long address;
    private final long bytes;
    private volatile boolean used;

    Kept(Arena arena, long address, long bytes) {
      this.arena = arena;
      this.address = address;
      this.bytes = bytes;
    }

    @Override
    public long address() {
      return address;
    }

    @Override
    public boolean isZero() {
      return !used; // at first, as the JDK gave it
    }

    @Override
    public void free() {
      used = true;
      idle.add(this);
    }

    void giveBack() {
      arena.close();
      committed.addAndGet(-bytes);
    }
  }

  @Override
  public long maxAlignment() {
    return 4096;
  }

  @Override
  public long trim() {
    long before = committed.get();
    for (Kept kept = idle.poll(); kept != null; kept = idle.poll()) {
      kept.giveBack();
    }
    return Math.max(0, before - committed.get());
  }

  @Override
  public long committedBytes() {
    return committed.get();
  }

  @Override
  public void close() {
    trim(); // every piece has been freed
  }
}
// @end
