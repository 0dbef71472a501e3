package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The store of a pool, and the blocks that it has of the pool's memory: they count against the
 * limit as any other (design rule AL9).
 *
 * <p><b>The reserve.</b> Content is stored before its memory is free, when there may be none left.
 * So a part of the limit is for this alone: users can't commit it. What was stored out of it comes
 * off what was freed: as long as the reserve isn't whole, memory that becomes free goes back to the
 * limit instead of into a magazine, where users would take it (design rule SH5).
 *
 * <p><b>Invariant.</b> {@code bytes} is what the pieces that are open take. The store is closed
 * once, when the pool gives nothing out any more and no buffer has anything of it; not while it is
 * {@code aging}, by whichever thread, for it would wait for itself if it gave memory up meanwhile.
 *
 * <p><b>Locks.</b> None of its own.
 */
final class SwapSpace implements SwapMemory {
  /** Which part of the limit is kept free: one in so many. */
  static final int RESERVE_SHARE = 16;

  /**
   * Which part of the limit it takes at most: one in so many. Content that hardly shrinks would
   * fill the memory that it makes room in.
   */
  private static final int MOST_SHARE = 2;

  private static final System.Logger LOG = System.getLogger(SwapSpace.class.getName());

  private final Pool pool;
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong count = new AtomicLong();
  private final AtomicBoolean ended = new AtomicBoolean();
  private @Nullable SwapStore store;

  /** Written by the timer alone. */
  private volatile boolean aging;

  SwapSpace(Pool pool) {
    this.pool = pool;
  }

  /** What has to stay free of a limit. */
  static long reserveOf(long limit) {
    return (limit / RESERVE_SHARE + SizeClasses.PAGE - 1) & -SizeClasses.PAGE;
  }

  /** Says what it is the memory of; once, before any buffer is evicted. */
  void setStore(SwapStore opened) {
    store = opened;
  }

  /** Moves on what was stored for long. By the timer. */
  void age() {
    SwapStore present = store;
    if (present == null || ended.get()) {
      return;
    }
    aging = true;
    try {
      present.age();
    } finally {
      aging = false;
      pool.lifecycle.afterReturn(); // the last buffer may have gone meanwhile
    }
  }

  /** Whether the store is moving content, and so may be about to take memory or to give it up. */
  boolean isAging() {
    return aging;
  }

  /** Several threads at once may take a little more than the most. */
  @Override
  public @Nullable Piece allocate(long byteSize) {
    if (byteSize < 1) {
      throw new IllegalArgumentException("wanted a piece of at least 1 B, got " + byteSize);
    }
    if (ended.get() || byteSize > pool.limit / MOST_SHARE - bytes.get()) {
      return null;
    }
    Block block = pool.succession.takeForStore(byteSize);
    if (block == null) {
      return null;
    }
    Piece piece = null;
    try {
      piece = new BlockPiece(block, byteSize);
    } finally {
      if (piece == null) { // the Java heap is full
        pool.succession.handOn(block);
      }
    }
    bytes.addAndGet(block.bytes());
    count.incrementAndGet();
    return piece;
  }

  /** What it takes now. */
  long bytes() {
    return bytes.get();
  }

  /** How many blocks that is. */
  long count() {
    return count.get();
  }

  /**
   * Closes the store. Called when nobody needs it, possibly again. Never fails: whoever has closed
   * the last buffer can't help it.
   */
  void end() {
    SwapStore present = store;
    if (present != null && ended.compareAndSet(false, true)) {
      try {
        present.close();
      } catch (RuntimeException | Error e) {
        LOG.log(Level.ERROR, present + " failed to close: its heap ends without", e);
      }
    }
  }

  /** A block of the pool. */
  private final class BlockPiece implements Piece {
    private final Block block;
    private final MemorySegment segment;
    private final AtomicBoolean open = new AtomicBoolean(true);

    BlockPiece(Block block, long byteSize) {
      this.block = block;
      this.segment = block.segment(byteSize);
    }

    @Override
    public MemorySegment segment() {
      return segment;
    }

    @Override
    public void close() {
      if (open.compareAndSet(true, false)) {
        bytes.addAndGet(-block.bytes());
        count.decrementAndGet();
        pool.succession.handOn(block);
      }
    }
  }
}
