package io.github.dmabuf4j.snippets;

import io.github.dmabuf4j.spi.PoolingStrategy;
import io.github.dmabuf4j.spi.PoolingStrategyProvider;

// @start region="provider"
/** Named in META-INF/services, or in a module-info: {@code ?strategy=example}. */
public final class ExampleStrategyProvider implements PoolingStrategyProvider {
  @Override
  public String name() {
    return "example";
  }

  @Override
  public PoolingStrategy open(long limit) {
    return new ExampleStrategy();
  }
}
// @end
