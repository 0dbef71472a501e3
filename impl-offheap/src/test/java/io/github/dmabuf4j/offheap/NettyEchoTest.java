package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.offheap.snippets.NettyEcho;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The Netty walk-through of the package documentation, run on loopback. */
@Timeout(60)
class NettyEchoTest {
  @Test
  void everyByteComesBackInOrder_throughAHeapSmallerThanTheTraffic() throws Exception {
    EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    try (Heap heap = Heaps.open("offheap:system?limit=256KiB")) {
      Channel server =
          new ServerBootstrap()
              .group(group)
              .channel(NioServerSocketChannel.class)
              .childHandler(
                  new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                      channel.pipeline().addLast(new NettyEcho(heap));
                    }
                  })
              .bind(InetAddress.getLoopbackAddress(), 0)
              .sync()
              .channel();
      byte[] sent = new byte[4 << 20];
      new Random(1).nextBytes(sent);
      assertThat(echoed(((InetSocketAddress) server.localAddress()).getPort(), sent))
          .isEqualTo(sent);
      server.close().sync();
      group.shutdownGracefully().sync();
      assertThat(heap.statistics().liveBuffers()).isZero();
      assertThat(heap.statistics().peakCommittedBytes()).isBetween(1L, 256L << 10);
    } finally {
      assertThatCode(() -> group.shutdownGracefully().sync()).doesNotThrowAnyException();
    }
  }

  private static byte[] echoed(int port, byte[] sent) throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      Thread writer =
          Thread.startVirtualThread(
              () ->
                  assertThatCode(
                          () -> {
                            socket.getOutputStream().write(sent);
                            socket.getOutputStream().flush();
                          })
                      .doesNotThrowAnyException());
      InputStream in = socket.getInputStream();
      byte[] received = in.readNBytes(sent.length);
      writer.join();
      return received;
    }
  }
}
