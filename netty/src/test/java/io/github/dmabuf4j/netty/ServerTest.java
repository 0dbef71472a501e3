package io.github.dmabuf4j.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.netty.snippets.EchoServer;
import io.github.dmabuf4j.netty.snippets.PatientEcho;
import io.github.dmabuf4j.netty.snippets.SendBuffer;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.DefaultChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.Socket;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The walk-throughs of the package documentation, run on loopback. */
@Timeout(60)
class ServerTest {
  @RegisterExtension final HeapGuard guard = new HeapGuard();

  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(1).nextBytes(bytes);
    return bytes;
  }

  @Test
  void everyByteComesBackInOrder_throughAHeapSmallerThanTheTraffic() throws Exception {
    Heap heap = guard.open("1MiB");
    byte[] sent = random(8 << 20);
    try (Connection connection = new Connection(group -> EchoServer.over(heap, group))) {
      assertThat(connection.echoed(sent)).isEqualTo(sent);
    }
    assertThat(heap.statistics().liveBuffers()).isZero();
    assertThat(heap.statistics().allocations()).isGreaterThan(8);
    assertThat(heap.statistics().peakCommittedBytes()).isBetween(1L, 1L << 20);
  }

  @Test
  void connectionWithoutMemory_isClosed_andTheNextOneIsServed() throws Exception {
    Heap heap = guard.open("1MiB");
    byte[] sent = random(100);
    try (Logged warnings = new Logged(DefaultChannelPipeline.class);
        Connection connection = new Connection(group -> EchoServer.over(heap, group))) {
      ByteBuf all = DmaByteBufAllocator.of(heap).directBuffer(1 << 20);
      connection.socket.getOutputStream().write(sent[0]); // all of it is read, or this is a reset
      Await.until("the server has read what there is", () -> isClosedByPeer(connection.socket));
      all.release();
      try (Socket next = connection.connect()) {
        next.getOutputStream().write(sent);
        assertThat(next.getInputStream().readNBytes(sent.length)).isEqualTo(sent);
      }
      assertThat(warnings.thrown()).singleElement().isInstanceOf(OutOfBufferMemoryError.class);
    }
  }

  private static boolean isClosedByPeer(Socket socket) {
    try {
      return socket.getInputStream().read() < 0;
    } catch (IOException reset) {
      return true;
    }
  }

  @Test
  void al2_echoThatWaitsForMemory_losesNothing() throws Exception {
    Heap heap = guard.open("256KiB");
    byte[] sent = random(4 << 20);
    try (Connection connection =
        new Connection(group -> server(group, channel -> new PatientEcho(heap)))) {
      assertThat(connection.echoed(sent)).isEqualTo(sent);
    }
    assertThat(heap.statistics().peakCommittedBytes()).isBetween(1L, 256L << 10);
  }

  @Test
  void ca2_sentBuffer_isNotCopied_andIsIdleOnlyAfterItsLastByteWasWritten() throws Exception {
    Heap heap = guard.open("32MiB");
    byte[] content = random(16 << 20); // more than sockets take
    CompletableFuture<Channel> accepted = new CompletableFuture<>();
    try (DmaBuf buffer = heap.allocate(content.length);
        Connection connection = new Connection(group -> sender(heap, group, accepted))) {
      buffer.write(
          bytes -> MemorySegment.copy(MemorySegment.ofArray(content), 0, bytes, 0, content.length));
      var _ = SendBuffer.send(buffer, accepted.get()).toCompletableFuture().get();
      byte[] first = connection.socket.getInputStream().readNBytes(1000);
      assertThat(buffer.reservation().isSignaled(FenceUsage.WRITE)).as("for readers").isTrue();
      assertThat(buffer.reservation().isSignaled(FenceUsage.READ)).as("for writers").isFalse();
      assertThat(buffer.info().holds()).isPositive();
      byte[] rest = connection.socket.getInputStream().readNBytes(content.length - 1000);
      assertThat(first).isEqualTo(Arrays.copyOf(content, 1000));
      assertThat(rest).isEqualTo(Arrays.copyOfRange(content, 1000, content.length));
      buffer.write(bytes -> bytes.fill((byte) 1)); // waits for the end of the job
      assertThat(buffer.info().holds()).isZero();
      assertThat(heap.statistics().allocations()).as("no copy").isEqualTo(1);
    }
  }

  private static ServerBootstrap sender(
      Heap heap, EventLoopGroup group, CompletableFuture<Channel> accepted) {
    return server(
            group,
            channel -> {
              accepted.complete(channel);
              return new ChannelInboundHandlerAdapter();
            })
        .childOption(ChannelOption.AUTO_READ, false)
        .childOption(ChannelOption.ALLOCATOR, DmaByteBufAllocator.of(heap));
  }

  private static ServerBootstrap server(
      EventLoopGroup group, Function<Channel, ChannelHandler> handler) {
    return new ServerBootstrap()
        .group(group)
        .channel(NioServerSocketChannel.class)
        .childHandler(
            new ChannelInitializer<SocketChannel>() {
              @Override
              protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(handler.apply(channel));
              }
            });
  }
}
