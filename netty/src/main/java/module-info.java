/**
 * Netty's {@code ByteBuf}s over buffers of dmabuf4j: views of a buffer without a copy, and an
 * allocator on top of a heap. Works with the buffers of any implementation.
 */
@org.jspecify.annotations.NullMarked
module io.github.dmabuf4j.netty {
  requires static org.jspecify;
  requires transitive io.github.dmabuf4j;
  requires transitive io.netty.buffer;
  requires io.netty.common;

  exports io.github.dmabuf4j.netty;
}
