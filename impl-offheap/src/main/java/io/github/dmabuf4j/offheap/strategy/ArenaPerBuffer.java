package io.github.dmabuf4j.offheap.strategy;

import io.github.dmabuf4j.spi.PoolingStrategy;
import java.lang.foreign.Arena;
import java.util.concurrent.atomic.LongAdder;

/**
 * An arena of the JDK for each piece: what a program without a pool does. Every piece is zeroed by
 * the JDK, wanted or not.
 *
 * <p>A confined arena can be closed by the thread that opened it and by no other; once that thread
 * has ended, its memory is lost to the process. A shared one can be closed by any, at the price of
 * a handshake with all other threads.
 *
 * <p><b>Threads.</b> Any, but for {@link Piece#free} of confined pieces. The only state is a
 * counter.
 */
final class ArenaPerBuffer implements PoolingStrategy {
  /** The JDK allocates the alignment on top of the size. */
  private static final long MAX_ALIGNMENT = 2L << 20;

  private final boolean shared;
  private final LongAdder committed = new LongAdder();

  ArenaPerBuffer(boolean shared) {
    this.shared = shared;
  }

  @Override
  public Piece allocate(long bytes, long alignment) {
    Arena arena = shared ? Arena.ofShared() : Arena.ofConfined();
    try {
      Piece piece = new OfArena(arena, arena.allocate(bytes, alignment).address(), bytes);
      committed.add(bytes);
      return piece;
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public long maxAlignment() {
    return MAX_ALIGNMENT;
  }

  @Override
  public long committedBytes() {
    return committed.sum();
  }

  @Override
  public void close() {}

  private final class OfArena implements Piece {
    private final Arena arena;
    private final long address;
    private final long bytes;

    OfArena(Arena arena, long address, long bytes) {
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
      return true;
    }

    @Override
    public void free() {
      arena.close();
      committed.add(-bytes);
    }
  }
}
