package io.github.dmabuf4j.offheap.strategy.netty;

import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.spi.PoolingStrategy;
import io.github.dmabuf4j.spi.PoolingStrategyProvider;
import java.util.function.Supplier;

/**
 * Netty's allocators by name. Loads no class of Netty before one of them is asked for.
 *
 * <p><b>Threads.</b> Any; immutable.
 */
public final class NettyProvider implements PoolingStrategyProvider {
  // Lambdas, for a method reference would load NettyStrategy, and Netty with it, here and now.

  /** {@code netty-pooled}: the pooled allocator, with chunks of 4 MiB, as Netty makes them. */
  public static final NettyProvider POOLED =
      new NettyProvider("netty-pooled", () -> NettyStrategy.pooled());

  /** {@code netty-pooled-o13}: the same with chunks of 64 MiB, so that frames are pooled. */
  public static final NettyProvider POOLED_LARGE =
      new NettyProvider("netty-pooled-o13", () -> NettyStrategy.pooledLarge());

  /** {@code netty-adaptive}: the adaptive allocator of Netty 4.2. */
  public static final NettyProvider ADAPTIVE =
      new NettyProvider("netty-adaptive", () -> NettyStrategy.adaptive());

  private static final String NEEDED = "io.netty.buffer.AdaptiveByteBufAllocator";

  private final String name;
  private final Supplier<PoolingStrategy> opener;

  private NettyProvider(String name, Supplier<PoolingStrategy> opener) {
    this.name = name;
    this.opener = opener;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String unavailable() {
    try {
      Class<?> _ = Class.forName(NEEDED, false, NettyProvider.class.getClassLoader());
      return "";
    } catch (ClassNotFoundException | LinkageError e) {
      return "needs io.netty:netty-buffer 4.2 on the class path, or its module: --add-modules"
          + " io.netty.buffer";
    }
  }

  @Override
  public PoolingStrategy open(long limit) {
    try {
      return opener.get();
    } catch (LinkageError e) { // another version, or a part of it is missing
      HeapUnavailableException refusal =
          new HeapUnavailableException(
              "strategy %s needs io.netty:netty-buffer 4.2 with what it needs: %s"
                  .formatted(name, e));
      refusal.initCause(e);
      throw refusal;
    }
  }
}
