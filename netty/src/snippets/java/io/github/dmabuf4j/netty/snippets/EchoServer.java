package io.github.dmabuf4j.netty.snippets;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.netty.DmaByteBufAllocator;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;

/** A server whose memory is a heap's. */
public final class EchoServer {
  private EchoServer() {}

  // @start region="server"
  /** Sends back what comes in; all of it is in buffers of the heap. */
  public static ServerBootstrap over(Heap heap, EventLoopGroup group) {
    DmaByteBufAllocator allocator = DmaByteBufAllocator.of(heap);
    return new ServerBootstrap()
        .group(group)
        .channel(NioServerSocketChannel.class)
        .option(ChannelOption.ALLOCATOR, allocator)
        .childOption(ChannelOption.ALLOCATOR, allocator)
        .childHandler(
            new ChannelInitializer<SocketChannel>() {
              @Override
              protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(new Echo());
              }
            });
  }

  /** Writes what it reads, and reads no more while the other end doesn't. */
  private static final class Echo extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      var _ = context.writeAndFlush(message);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
      context.channel().config().setAutoRead(context.channel().isWritable());
      context.fireChannelWritabilityChanged();
    }
  }
  // @end
}
