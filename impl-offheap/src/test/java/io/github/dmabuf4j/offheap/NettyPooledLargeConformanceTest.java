package io.github.dmabuf4j.offheap;

/** The kit against Netty's pooled allocator with chunks of 64 MiB. */
final class NettyPooledLargeConformanceTest extends StrategyConformance {
  NettyPooledLargeConformanceTest() {
    super("netty-pooled-o13");
  }
}
