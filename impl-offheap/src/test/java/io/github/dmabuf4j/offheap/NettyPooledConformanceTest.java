package io.github.dmabuf4j.offheap;

/** The kit against Netty's pooled allocator. */
final class NettyPooledConformanceTest extends StrategyConformance {
  NettyPooledConformanceTest() {
    super("netty-pooled");
  }
}
