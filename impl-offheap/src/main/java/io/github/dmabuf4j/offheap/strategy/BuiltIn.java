package io.github.dmabuf4j.offheap.strategy;

import io.github.dmabuf4j.offheap.strategy.netty.NettyProvider;
import io.github.dmabuf4j.spi.PoolingStrategy;
import io.github.dmabuf4j.spi.PoolingStrategyProvider;
import java.util.List;
import java.util.function.Supplier;

/** The strategies that come with this library. */
public final class BuiltIn {
  private static final List<PoolingStrategyProvider> PROVIDERS =
      List.of(
          new OfTheJdk("arena-confined", () -> new ArenaPerBuffer(false)),
          new OfTheJdk("arena-shared", () -> new ArenaPerBuffer(true)),
          new OfTheJdk("buddy", () -> new Buddy(new Malloc())),
          new OfTheJdk("malloc", Malloc::new),
          NettyProvider.ADAPTIVE,
          NettyProvider.POOLED,
          NettyProvider.POOLED_LARGE);

  private BuiltIn() {}

  /**
   * All of them, those included that can't be opened here.
   *
   * @return in the order of their names
   */
  public static List<PoolingStrategyProvider> providers() {
    return PROVIDERS;
  }

  /** Needs nothing but the JDK. */
  private record OfTheJdk(String name, Supplier<PoolingStrategy> opener)
      implements PoolingStrategyProvider {
    @Override
    public PoolingStrategy open(long limit) {
      return opener.get();
    }
  }
}
