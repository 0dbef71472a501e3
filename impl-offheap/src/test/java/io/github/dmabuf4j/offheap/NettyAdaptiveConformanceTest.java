package io.github.dmabuf4j.offheap;

/** The kit against Netty's adaptive allocator. */
final class NettyAdaptiveConformanceTest extends StrategyConformance {
  NettyAdaptiveConformanceTest() {
    super("netty-adaptive");
  }
}
