package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.SocketMessage;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** A peer that says what it likes, and the connection that has to listen. */
final class RawPeer implements AutoCloseable {
  static final Duration SOON = Duration.ofSeconds(20);

  final BufferConnection connection;
  final FrameChannel channel;
  private final Descriptor socket;
  private long sequence;

  RawPeer() {
    List<Descriptor> pair = UnixSocket.pair("raw peer");
    socket = pair.getFirst();
    channel = new FrameChannel(pair.getLast());
    connection = new BufferConnection(channel);
  }

  /** Sends bytes as they are. */
  void sendRaw(byte[] bytes, int... descriptors) {
    assertThat(trySendRaw(bytes, descriptors)).isEqualTo(bytes.length);
  }

  /** Sends bytes as they are: how many, or the negative error number. */
  int trySendRaw(byte[] bytes, int... descriptors) {
    try (Arena arena = Arena.ofConfined()) {
      SocketMessage out = new SocketMessage(arena, bytes.length);
      out.bytes().asByteBuffer().put(bytes);
      return out.send(socket, bytes.length, descriptors);
    }
  }

  /** Sends a frame with a header that is right. */
  void send(int kind, Consumer<ByteBuffer> content, int... descriptors) {
    ByteBuffer buffer = ByteBuffer.allocate(Frame.MAX_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    content.accept(buffer.position(Frame.HEADER_BYTES));
    byte[] bytes = new byte[buffer.position()];
    buffer.get(0, bytes);
    sequence++;
    sendRaw(
        header(bytes, Frame.MAGIC, 1, kind, bytes.length - 24, descriptors.length, sequence),
        descriptors);
  }

  /** A frame without content whose header says what it likes. */
  static byte[] header(int magic, int version, int kind, int length, int descriptors, long number) {
    return header(new byte[24], magic, version, kind, length, descriptors, number);
  }

  private static byte[] header(
      byte[] frame, int magic, int version, int kind, int length, int descriptors, long number) {
    ByteBuffer.wrap(frame)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(magic)
        .putShort((short) version)
        .putShort((short) kind)
        .putInt(length)
        .putInt(descriptors)
        .putLong(number);
    return frame;
  }

  /**
   * Takes a frame that the connection sent: its kind, or the negative error number. Closes its
   * descriptors.
   */
  int receiveKind() {
    try (Arena arena = Arena.ofConfined()) {
      SocketMessage in = new SocketMessage(arena, Frame.MAX_BYTES);
      int result = in.receive(socket);
      IntStream.of(in.takeDescriptors()).forEach(Syscalls::close);
      return result <= 0
          ? result
          : in.bytes().asByteBuffer().order(ByteOrder.LITTLE_ENDIAN).getShort(6);
    }
  }

  Descriptor socket() {
    return socket;
  }

  @Override
  public void close() {
    socket.close();
    connection.close();
  }
}
