package io.github.dmabuf4j.offheap.snippets;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Hold;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledDirectByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

// @start region="echo"
/** Echoes what comes in from a buffer of the heap; the event loop never blocks for memory. */
public final class NettyEcho extends ChannelInboundHandlerAdapter {
  private final Heap heap;
  private CompletableFuture<?> previous = CompletableFuture.completedFuture(null);

  /** Echoes through buffers of a heap. */
  public NettyEcho(Heap heap) {
    this.heap = heap;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    ByteBuf incoming = (ByteBuf) message;
    context.channel().config().setAutoRead(false); // until there is memory for what we have
    AllocationRequest request =
        AllocationRequest.of(incoming.readableBytes()).uninitialized().build();
    previous = // one after the other, so that nothing overtakes
        previous
            .thenCompose(ended -> heap.allocateAsync(request))
            .handleAsync(
                (buffer, failure) -> echo(context, incoming, buffer, failure), context.executor());
  }

  private static @Nullable Void echo(
      ChannelHandlerContext context,
      ByteBuf incoming,
      @Nullable DmaBuf buffer,
      @Nullable Throwable failure) {
    try {
      if (buffer == null) {
        context.fireExceptionCaught(failure);
      } else {
        var _ = context.writeAndFlush(view(buffer).writeBytes(incoming));
        context.channel().config().setAutoRead(true);
      }
      return null;
    } finally {
      incoming.release();
    }
  }

  /** A view of all of a buffer: owns the reference and a hold until its count is 0. */
  private static ByteBuf view(DmaBuf buffer) {
    Hold hold = buffer.hold(ArenaKind.SHARED);
    return new UnpooledDirectByteBuf(
        UnpooledByteBufAllocator.DEFAULT, hold.byteBuffer(), Math.toIntExact(buffer.size())) {
      @Override
      protected void deallocate() {
        super.deallocate();
        hold.close();
        buffer.close();
      }
    }.clear();
  }
}
// @end
