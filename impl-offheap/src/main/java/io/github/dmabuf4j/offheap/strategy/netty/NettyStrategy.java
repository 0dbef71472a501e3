package io.github.dmabuf4j.offheap.strategy.netty;

import io.github.dmabuf4j.spi.PoolingStrategy;
import io.netty.buffer.AdaptiveByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.netty.buffer.PooledByteBufAllocator;
import java.lang.foreign.MemorySegment;

/**
 * An allocator of Netty's: direct memory, with its caches for all threads.
 *
 * <p>There is one of each kind for all heaps of the process. An allocator of Netty's can't be
 * closed: it keeps its chunks until it is garbage and finalized, so that one for each heap would
 * leave that heap's chunks behind.
 *
 * <p>Where Netty can align chunks, the pooled one is asked to begin them at a page, so that its
 * pages are ours. It can if it may use {@code Unsafe}. The adaptive one never can. What isn't
 * aligned is asked for with up to a page more, which the small sizes feel.
 *
 * <p><b>Threads.</b> Any.
 */
final class NettyStrategy implements PoolingStrategy {
  private static final int PAGE = 4096;
  private static final int LARGE_ORDER = 13;

  private final ByteBufAllocator allocator;
  private final long maxAlignment;

  private NettyStrategy(ByteBufAllocator allocator, long maxAlignment) {
    this.allocator = allocator;
    this.maxAlignment = maxAlignment;
  }

  // Holders, so that each is made when it is first asked for.

  private static final class Pooled {
    static final ByteBufAllocator ALLOCATOR = make(PooledByteBufAllocator.defaultMaxOrder());
  }

  private static final class PooledLarge {
    static final ByteBufAllocator ALLOCATOR = make(LARGE_ORDER);
  }

  private static final class Adaptive {
    static final ByteBufAllocator ALLOCATOR = new AdaptiveByteBufAllocator(true, true);
  }

  static PoolingStrategy pooled() {
    return new NettyStrategy(Pooled.ALLOCATOR, Math.max(1, chunkAlignment()));
  }

  static PoolingStrategy pooledLarge() {
    return new NettyStrategy(PooledLarge.ALLOCATOR, Math.max(1, chunkAlignment()));
  }

  static PoolingStrategy adaptive() {
    return new NettyStrategy(Adaptive.ALLOCATOR, 1);
  }

  /** 0 if Netty can't. */
  private static int chunkAlignment() {
    return PooledByteBufAllocator.isDirectMemoryCacheAlignmentSupported() ? PAGE : 0;
  }

  /** With chunks of Netty's pages, doubled so many times. */
  private static ByteBufAllocator make(int maxOrder) {
    return new PooledByteBufAllocator(
        true,
        0,
        PooledByteBufAllocator.defaultNumDirectArena(),
        PooledByteBufAllocator.defaultPageSize(),
        maxOrder,
        PooledByteBufAllocator.defaultSmallCacheSize(),
        PooledByteBufAllocator.defaultNormalCacheSize(),
        true,
        chunkAlignment());
  }

  @Override
  public Piece allocate(long bytes, long alignment) {
    if (bytes > Integer.MAX_VALUE) {
      throw new UnsupportedOperationException(
          "a buffer of Netty's has at most 2 GiB - 1, wanted %d B".formatted(bytes));
    }
    ByteBuf buffer = allocator.directBuffer((int) bytes, (int) bytes);
    try {
      return new OfNetty(buffer, addressOf(buffer));
    } catch (RuntimeException | Error e) {
      boolean _ = buffer.release();
      throw e;
    }
  }

  private static long addressOf(ByteBuf buffer) {
    return buffer.hasMemoryAddress()
        ? buffer.memoryAddress()
        : MemorySegment.ofBuffer(buffer.internalNioBuffer(0, buffer.capacity())).address();
  }

  @Override
  public long maxAlignment() {
    return maxAlignment;
  }

  /** Of the caches of threads, that of this one only: no other can be reached. */
  @Override
  public long trim() {
    if (!(allocator instanceof PooledByteBufAllocator pooled)) {
      return 0;
    }
    long before = committedBytes();
    boolean _ = pooled.trimCurrentThreadCache();
    return Math.max(0, before - committedBytes());
  }

  /** Of the allocator, hence of all heaps that use it. */
  @Override
  public long committedBytes() {
    return ((ByteBufAllocatorMetricProvider) allocator).metric().usedDirectMemory();
  }

  /** Leaves the allocator to the next heap. */
  @Override
  public void close() {
    long _ = trim();
  }

  private record OfNetty(ByteBuf buffer, long address) implements Piece {
    @Override
    public boolean isZero() {
      return false;
    }

    @Override
    public void free() {
      boolean _ = buffer.release();
    }
  }
}
