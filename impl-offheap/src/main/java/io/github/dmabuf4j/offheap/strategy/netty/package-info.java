/**
 * Netty's allocators as strategies. The only package that knows Netty, and only {@code
 * NettyStrategy} in it: where netty-buffer isn't there, {@link
 * io.github.dmabuf4j.offheap.strategy.netty.NettyProvider} says so.
 */
@NullMarked
package io.github.dmabuf4j.offheap.strategy.netty;

import org.jspecify.annotations.NullMarked;
