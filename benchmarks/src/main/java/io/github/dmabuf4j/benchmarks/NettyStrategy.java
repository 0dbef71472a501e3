package io.github.dmabuf4j.benchmarks;

import io.netty.buffer.AdaptiveByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.netty.buffer.PooledByteBufAllocator;

/**
 * Netty's allocators at their best: direct memory, with their caches for all threads. {@code
 * netty-pooled} has chunks of 4 MiB, the default, {@code netty-pooled-o13} of 64 MiB.
 *
 * <p><b>Threads.</b> Any; what one allocates another may free.
 */
final class NettyStrategy extends Strategy {
  private static final int PAGE = 4096;

  private final int[] sizes;
  private final ByteBufAllocator allocator;

  private NettyStrategy(ByteBufAllocator allocator, int[] sizes) {
    this.allocator = allocator;
    this.sizes = sizes;
  }

  /** Makes one of {@code netty-pooled}, {@code netty-pooled-o13}, {@code netty-adaptive}. */
  static NettyStrategy ofName(String name, int[] sizes) {
    return new NettyStrategy(allocator(name), sizes);
  }

  /** The allocator of that name. */
  static ByteBufAllocator allocator(String name) {
    return switch (name) {
      case "netty-pooled" -> pooled(PooledByteBufAllocator.defaultMaxOrder());
      case "netty-pooled-o13" -> pooled(13);
      case "netty-adaptive" -> new AdaptiveByteBufAllocator(true, true);
      default -> throw new IllegalArgumentException("wanted a strategy, got " + name);
    };
  }

  private static ByteBufAllocator pooled(int maxOrder) {
    return new PooledByteBufAllocator(
        true,
        0,
        PooledByteBufAllocator.defaultNumDirectArena(),
        PooledByteBufAllocator.defaultPageSize(),
        maxOrder,
        PooledByteBufAllocator.defaultSmallCacheSize(),
        PooledByteBufAllocator.defaultNormalCacheSize(),
        true);
  }

  @Override
  Object allocate(int which) {
    int size = sizes[which];
    return allocator.directBuffer(size, size);
  }

  @Override
  Object allocateZeroed(int which) {
    int size = sizes[which];
    return allocator.directBuffer(size, size).setZero(0, size);
  }

  @Override
  void free(Object memory) {
    boolean _ = ((ByteBuf) memory).release();
  }

  @Override
  byte touch(Object memory) {
    ByteBuf buffer = (ByteBuf) memory;
    int size = buffer.capacity();
    for (int page = 0; page < size; page += PAGE) {
      buffer.setByte(page, 1);
      buffer.setByte(Math.min(page + PAGE, size) - 1, 1);
    }
    return buffer.getByte(size - 1);
  }

  @Override
  long committedBytes() {
    return ((ByteBufAllocatorMetricProvider) allocator).metric().usedDirectMemory();
  }
}
