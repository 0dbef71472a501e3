package io.github.dmabuf4j.netty.snippets;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.netty.DmaByteBufs;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

// @start region="echo"
/** Echoes what comes in from a buffer of the heap; the event loop never blocks for memory. */
public final class PatientEcho extends ChannelInboundHandlerAdapter {
  private final Heap heap;
  private CompletableFuture<?> previous = CompletableFuture.completedFuture(null);

  /** Echoes through buffers of a heap. */
  public PatientEcho(Heap heap) {
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
    try (buffer) { // the view has a reference of its own
      if (buffer == null) {
        context.fireExceptionCaught(failure);
      } else {
        var _ = context.writeAndFlush(DmaByteBufs.view(buffer).clear().writeBytes(incoming));
        context.channel().config().setAutoRead(true);
      }
      return null;
    } finally {
      incoming.release();
    }
  }
}
// @end
