package io.github.dmabuf4j.netty;

import static org.assertj.core.api.Assertions.assertThatCode;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A server on loopback and a plain socket that is connected to it. */
final class Connection implements AutoCloseable {
  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final Channel server;
  final Socket socket;

  Connection(Function<EventLoopGroup, ServerBootstrap> bootstrap) throws Exception {
    server = bootstrap.apply(group).bind(InetAddress.getLoopbackAddress(), 0).sync().channel();
    socket = connect();
  }

  /** One more client. */
  Socket connect() throws IOException {
    return new Socket(
        InetAddress.getLoopbackAddress(), ((InetSocketAddress) server.localAddress()).getPort());
  }

  /** What comes back for what is sent. */
  byte[] echoed(byte[] sent) throws Exception {
    Thread writer =
        Thread.startVirtualThread(
            () ->
                assertThatCode(() -> socket.getOutputStream().write(sent))
                    .doesNotThrowAnyException());
    byte[] received = socket.getInputStream().readNBytes(sent.length);
    writer.join();
    return received;
  }

  @Override
  public void close() throws Exception {
    socket.close();
    server.close().sync();
    group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
  }
}
