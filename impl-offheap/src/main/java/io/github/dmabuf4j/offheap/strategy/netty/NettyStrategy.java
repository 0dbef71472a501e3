package io.github.dmabuf4j.offheap.strategy.netty;

import io.github.dmabuf4j.spi.PoolingStrategy;
import io.netty.buffer.AdaptiveByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.netty.buffer.PooledByteBufAllocator;
import java.lang.foreign.MemorySegment;

/**
 * An allocator of Netty's, of this strategy's own: direct memory, with its caches for all threads.
 *
 * <p>Where Netty can align chunks, the pooled one is asked to begin them at a page, so that its
 * pages are ours. It can if it may use {@code Unsafe}. The adaptive one never can. What isn't
 * aligned is asked for with up to a page more, which the small sizes feel.
 *
 * <p>An allocator of Netty's can't be closed. Its chunks go back when it is garbage, and what a
 * thread has cached at the latest when that ends.
 *
 * <p><b>Threads.</b> Any.
 */
final class NettyStrategy implements PoolingStrategy {
  private static final int PAGE = 4096;

  private final ByteBufAllocator allocator;
  private final long maxAlignment;

  private NettyStrategy(ByteBufAllocator allocator, long maxAlignment) {
    this.allocator = allocator;
    this.maxAlignment = maxAlignment;
  }

  static PoolingStrategy pooled() {
    return pooled(PooledByteBufAllocator.defaultMaxOrder());
  }

  /** With chunks of 8 KiB, doubled so many times. */
  static PoolingStrategy pooled(int maxOrder) {
    int alignment = PooledByteBufAllocator.isDirectMemoryCacheAlignmentSupported() ? PAGE : 0;
    PooledByteBufAllocator allocator =
        new PooledByteBufAllocator(
            true,
            0,
            PooledByteBufAllocator.defaultNumDirectArena(),
            PooledByteBufAllocator.defaultPageSize(),
            maxOrder,
            PooledByteBufAllocator.defaultSmallCacheSize(),
            PooledByteBufAllocator.defaultNormalCacheSize(),
            true,
            alignment);
    return new NettyStrategy(allocator, Math.max(1, alignment));
  }

  static PoolingStrategy adaptive() {
    return new NettyStrategy(new AdaptiveByteBufAllocator(true, true), 1);
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

  @Override
  public long committedBytes() {
    return ((ByteBufAllocatorMetricProvider) allocator).metric().usedDirectMemory();
  }

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
