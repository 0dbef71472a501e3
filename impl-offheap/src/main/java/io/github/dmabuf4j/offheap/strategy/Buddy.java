package io.github.dmabuf4j.offheap.strategy;

import io.github.dmabuf4j.spi.PoolingStrategy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A plain binary buddy, for comparison: pieces are blocks of 2<sup>k</sup> pages in chunks of 32
 * MiB, halved until one fits, and merged with their other half as soon as both are free. So a piece
 * can be twice as large as what was asked for. What doesn't fit a chunk has memory of its own.
 *
 * <p><b>Invariant.</b> {@code chunks} are all chunks that were taken from the source and not given
 * back, and at most one of them has nothing out. No two pieces that are out overlap: those of one
 * chunk by the invariant of its {@link BuddyTree}, and chunks don't. A block lies at a multiple of
 * its own size from the start of its chunk, which lies at a multiple of {@link #MAX_ALIGNMENT}.
 *
 * <p><b>Locks.</b> One lock guards everything; only the source is called with it.
 */
final class Buddy implements PoolingStrategy {
  static final long PAGE = 4096;
  static final int CHUNK_ORDER = 13;
  static final long CHUNK = PAGE << CHUNK_ORDER;
  private static final long MAX_ALIGNMENT = 2L << 20;

  private final PoolingStrategy source;
  private final ReentrantLock lock = new ReentrantLock();
  private final List<Chunk> chunks = new ArrayList<>();

  /**
   * Creates one without a chunk.
   *
   * @param source where chunks come from; closed with this
   */
  Buddy(PoolingStrategy source) {
    this.source = source;
  }

  /** Memory of the source's, at an aligned address. */
  private class Memory {
    final Piece piece;
    final long address;

    Memory(long bytes) {
      piece = source.allocate(bytes + MAX_ALIGNMENT, 1);
      address = (piece.address() + MAX_ALIGNMENT - 1) & -MAX_ALIGNMENT;
    }
  }

  private final class Chunk extends Memory {
    final BuddyTree tree;

    Chunk(BuddyTree tree) {
      super(CHUNK);
      this.tree = tree;
    }
  }

  @Override
  public Piece allocate(long bytes, long alignment) {
    long needed = Math.max(bytes, alignment);
    return needed > CHUNK ? new Large(bytes) : allocate(orderOf(needed));
  }

  /** The order of the smallest block of at least so many bytes. */
  static int orderOf(long bytes) {
    long pages = (bytes + PAGE - 1) / PAGE;
    return pages <= 1 ? 0 : Long.SIZE - Long.numberOfLeadingZeros(pages - 1);
  }

  private Piece allocate(int order) {
    lock.lock();
    try {
      Block block = new Block(order); // before anything: the heap may be full
      Chunk chunk = chunkWithRoomFor(order);
      if (chunk == null) {
        chunk = addChunk();
      }
      block.takeFrom(chunk);
      return block;
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Chunk chunkWithRoomFor(int order) {
    for (Chunk chunk : chunks) {
      if (chunk.tree.largestFree() >= order) {
        return chunk;
      }
    }
    return null;
  }

  private Chunk addChunk() {
    Chunk fresh = new Chunk(new BuddyTree(CHUNK_ORDER));
    try {
      chunks.add(fresh);
      return fresh;
    } catch (OutOfMemoryError e) {
      fresh.piece.free();
      throw e;
    }
  }

  private void give(Block block, Chunk chunk) {
    lock.lock();
    try {
      chunk.tree.give(block.node, block.order);
      if (chunk.tree.isWhole() && isAnotherWhole(chunk)) {
        chunks.remove(chunk);
        chunk.piece.free();
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isAnotherWhole(Chunk chunk) {
    for (Chunk other : chunks) {
      if (other != chunk && other.tree.isWhole()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public long maxAlignment() {
    return MAX_ALIGNMENT;
  }

  @Override
  public long trim() {
    lock.lock();
    try {
      List<Chunk> whole = chunks.stream().filter(chunk -> chunk.tree.isWhole()).toList();
      chunks.removeAll(whole);
      whole.forEach(chunk -> chunk.piece.free());
      return whole.size() * CHUNK;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long committedBytes() {
    return source.committedBytes();
  }

  /** How many chunks there are. */
  int chunkCount() {
    lock.lock();
    try {
      return chunks.size();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      chunks.forEach(chunk -> chunk.piece.free());
      chunks.clear();
    } finally {
      lock.unlock();
    }
    source.close();
  }

  /** A block of a chunk. Its place is written once, before others have the block. */
  private final class Block implements Piece {
    private final int order;
    private int node = BuddyTree.NONE;
    private @Nullable Chunk chunk;

    Block(int order) {
      this.order = order;
    }

    void takeFrom(Chunk from) {
      node = from.tree.take(order);
      chunk = from;
    }

    private Chunk chunk() {
      Chunk mine = chunk;
      if (mine == null) {
        throw new AssertionError("a block without a chunk");
      }
      return mine;
    }

    @Override
    public long address() {
      Chunk mine = chunk();
      return mine.address + mine.tree.page(node, order) * PAGE;
    }

    @Override
    public boolean isZero() {
      return false;
    }

    @Override
    public void free() {
      give(this, chunk());
    }
  }

  /** Memory of its own. */
  private final class Large extends Memory implements Piece {
    Large(long bytes) {
      super(bytes);
    }

    @Override
    public long address() {
      return address;
    }

    @Override
    public boolean isZero() {
      return piece.isZero();
    }

    @Override
    public void free() {
      piece.free();
    }
  }
}
