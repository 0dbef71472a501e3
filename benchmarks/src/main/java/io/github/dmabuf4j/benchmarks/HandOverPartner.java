package io.github.dmabuf4j.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SocketMessage;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.device.sharing.PeerAddress;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The other process of {@link HandOverBenchmark}: gives back whatever it is handed. */
final class HandOverPartner {
  static final Duration LIMIT = Duration.ofSeconds(30);

  private HandOverPartner() {}

  /** Starts this class in a process of its own. */
  static Process start(String strategy, Path address, long bytes) throws IOException {
    return new ProcessBuilder(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                HandOverPartner.class.getName(),
                strategy,
                address.toString(),
                Long.toString(bytes)))
        .inheritIO()
        .start();
  }

  /**
   * Gives back what it is handed, until the other side closes.
   *
   * @param arguments strategy, address, bytes
   * @throws Exception if the other side isn't there, or says nothing for long
   */
  public static void main(String[] arguments) throws Exception {
    Path address = Path.of(arguments[1]);
    switch (arguments[0]) {
      case "dmabuf4j" -> consume(address);
      case "unix-socket" -> read(address, Math.toIntExact(Long.parseLong(arguments[2])));
      case "eventfd" -> count(address);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static void consume(Path address) throws InterruptedException {
    BufferConnection connection = BufferConnection.connect(PeerAddress.of(address), LIMIT);
    try (BufferConsumer queue = connection.awaitQueue(LIMIT)) {
      Optional<BufferSlot> next = queue.acquire(LIMIT);
      while (next.isPresent()) {
        BufferSlot slot = next.get();
        slot.fence().await(LIMIT);
        queue.release(slot);
        next = queue.acquire(LIMIT);
      }
    }
  }

  private static void read(Path address, int bytes) throws IOException {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(address))) {
      ByteBuffer all = ByteBuffer.allocateDirect(bytes);
      ByteBuffer answer = ByteBuffer.allocateDirect(1);
      while (true) {
        readAll(channel, all);
        channel.write(answer.clear());
      }
    } catch (EOFException e) {
      // It is over.
    }
  }

  static void readAll(SocketChannel channel, ByteBuffer into) throws IOException {
    into.clear();
    while (into.hasRemaining()) {
      if (channel.read(into) < 0) {
        throw new EOFException();
      }
    }
  }

  private static void count(Path address) throws InterruptedException {
    try (Descriptor socket = UnixSocket.create("bench");
        Arena arena = Arena.ofConfined()) {
      check(UnixSocket.connect(socket, address.toString().getBytes(StandardCharsets.UTF_8)));
      if (!Poller.ofThisProcess().await(socket, Poller.IN, LIMIT.toNanos())) {
        throw new IllegalStateException("the other side is silent");
      }
      SocketMessage message = new SocketMessage(arena, 1);
      check(message.receive(socket));
      int[] counters = message.takeDescriptors();
      MemorySegment value = arena.allocate(JAVA_LONG);
      do {
        check(Syscalls.read(counters[0], value));
        check(Syscalls.write(counters[1], value));
      } while (value.get(JAVA_LONG, 0) == 1);
    }
  }

  static void check(long result) {
    if (result < 0) {
      throw new IllegalStateException("a call failed with error " + -result);
    }
  }

  static void end(Process partner) throws InterruptedException {
    if (!partner.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      partner.destroyForcibly();
      throw new IllegalStateException("the other process doesn't end");
    }
    if (partner.exitValue() != 0) {
      throw new IllegalStateException("the other process failed: " + partner.exitValue());
    }
  }
}
