package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.PoolingStrategy;
import io.github.dmabuf4j.spi.PoolingStrategy.Piece;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Memory that a {@link PoolingStrategy} allocates, a piece for each block: aligned, checked, and
 * with the strategy's failures told in the heap's words.
 *
 * <p><b>Invariant.</b> The strategy is there until the pool has ended, and then is closed and
 * dropped, so that what it leaves to the garbage collector can go: {@link #close} comes when
 * nothing is committed, hence after every piece was freed, and no {@link #map} follows.
 *
 * <p><b>Locks.</b> {@code ending} keeps trimming and figures, which may come at any time, apart
 * from the end. Only the strategy is called with it. {@link #map} needs none.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>strategy</td><td>plain by map, whose caller has bytes reserved: before the end; else with the lock</td><td>plain,
 *   once</td><td>ending</td></tr>
 * </table>
 */
final class StrategyMemory implements SlabMemory {
  /** That every strategy gets by being asked for more; as the JDK's allocator does. */
  private static final long PADDED_ALIGNMENT = 2L << 20;

  private static final System.Logger LOG = System.getLogger(StrategyMemory.class.getName());

  private final String name;
  private final long ownAlignment;
  private final ReentrantLock ending = new ReentrantLock();
  private @Nullable PoolingStrategy strategy;

  /**
   * Takes over a strategy.
   *
   * @throws IllegalArgumentException if its largest alignment is none; it is closed then
   */
  StrategyMemory(String name, PoolingStrategy strategy) {
    this.name = name;
    this.strategy = strategy;
    this.ownAlignment = strategy.maxAlignment();
    if (Long.bitCount(ownAlignment) != 1 || ownAlignment < 1) {
      strategy.close();
      throw new IllegalArgumentException(
          "strategy %s: wanted a power of two as the largest alignment, got %d"
              .formatted(name, ownAlignment));
    }
  }

  @Override
  public String summary() {
    return "strategy " + name;
  }

  @Override
  public long pageSize() {
    return SizeClasses.PAGE;
  }

  @Override
  public long maxAlignment() {
    return Math.max(ownAlignment, PADDED_ALIGNMENT);
  }

  @Override
  public long largestShared() {
    return 0;
  }

  @Override
  public boolean poolsItself() {
    return true;
  }

  @Override
  public Region map(long bytes, long alignment, boolean shared) throws SlabMemoryException {
    long own = Math.min(alignment, ownAlignment);
    Piece piece = allocate(bytes + alignment - own, own);
    PieceArena arena = null;
    try {
      arena = new PieceArena(name, piece);
      long given = piece.address();
      if ((given & (own - 1)) != 0) {
        throw new SlabMemoryException(
            "strategy %s promised an alignment of %d and gave address %x"
                .formatted(name, own, given),
            null);
      }
      long first = (given + alignment - 1) & -alignment;
      MemorySegment segment = MemorySegment.ofAddress(first).reinterpret(bytes);
      return new Region(segment, arena, piece.isZero());
    } catch (RuntimeException | Error | SlabMemoryException e) {
      if (arena == null) {
        piece.free();
      } else {
        arena.close();
      }
      throw e;
    }
  }

  private Piece allocate(long bytes, long alignment) throws SlabMemoryException {
    PoolingStrategy open = strategy;
    if (open == null) {
      throw new AssertionError("memory of strategy %s after its end".formatted(name));
    }
    try {
      Piece piece = open.allocate(bytes, alignment);
      if (piece != null) {
        return piece;
      }
    } catch (OutOfMemoryError | RuntimeException e) {
      throw new SlabMemoryException(
          "strategy %s has no %d B: %s"
              .formatted(name, bytes, e.getMessage() == null ? e : e.getMessage()),
          e);
    }
    throw new SlabMemoryException("strategy %s gave null for %d B".formatted(name, bytes), null);
  }

  @Override
  public boolean decommit(Region region, long offset, long bytes) {
    throw new UnsupportedOperationException("a piece of a strategy goes back as a whole");
  }

  @Override
  public long trim() {
    ending.lock();
    try {
      return strategy == null ? 0 : strategy.trim();
    } catch (RuntimeException e) {
      LOG.log(Level.WARNING, "trimming strategy " + name + " failed", e);
      return 0;
    } finally {
      ending.unlock();
    }
  }

  @Override
  public String state() {
    ending.lock();
    try {
      return strategy == null
          ? ", strategy %s, closed".formatted(name)
          : ", strategy %s with %d B".formatted(name, strategy.committedBytes());
    } finally {
      ending.unlock();
    }
  }

  @Override
  public void close() {
    ending.lock();
    try {
      PoolingStrategy open = strategy;
      strategy = null;
      if (open != null) {
        open.close();
      }
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "closing strategy " + name + " failed: its heap has ended", e);
    } finally {
      ending.unlock();
    }
  }
}
