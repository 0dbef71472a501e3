package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.device.sharing.PeerAddress;
import io.github.dmabuf4j.device.sharing.Received;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * The other process of {@link TwoProcessesGuestTest}: it has a device that works on buffers. What
 * it does it is told by messages, each the name of a {@link Task}.
 */
final class DevicePeer {
  static final Duration PATIENCE = Duration.ofSeconds(60);
  static final int BYTES = 1 << 16;
  static final byte WRITTEN = 42;
  static final int ROUNDS = 10;

  enum Task {
    /** Take a buffer, and each round add one to the byte that is everywhere in it. */
    ADD_ONE,
    /** Send a buffer that the device works on, and its fence; go on when told, and end the work. */
    WORK,
    END
  }

  private final BufferConnection connection;

  private DevicePeer(BufferConnection connection) {
    this.connection = connection;
  }

  public static void main(String[] arguments) throws Exception {
    try (BufferConnection connection =
        BufferConnection.connect(PeerAddress.of(arguments[0]), PATIENCE)) {
      DevicePeer peer = new DevicePeer(connection);
      Task task = peer.next();
      while (task != Task.END) {
        if (task == Task.WORK) {
          peer.work();
        } else {
          peer.addOne();
        }
        task = peer.next();
      }
    }
  }

  private Task next() throws InterruptedException {
    return Task.valueOf(hear(connection));
  }

  static void tell(BufferConnection connection, Object what) throws InterruptedException {
    connection.send(what.toString().getBytes(StandardCharsets.UTF_8));
  }

  static String hear(BufferConnection connection) throws InterruptedException {
    return connection.receive(PATIENCE) instanceof Received.Message(byte[] text)
        ? new String(text, StandardCharsets.UTF_8)
        : "";
  }

  private void addOne() throws InterruptedException {
    if (connection.receive(PATIENCE) instanceof Received.Buffer(DmaBuf buffer)) {
      try (buffer) {
        for (int i = 0; i < ROUNDS; i++) {
          hear(connection);
          byte value = buffer.read(bytes -> bytes.get(ValueLayout.JAVA_BYTE, BYTES - 1));
          buffer.write(bytes -> bytes.fill((byte) (value + 1)));
          tell(connection, "added");
        }
      }
    }
  }

  private void work() throws InterruptedException {
    try (Vgem device = new Vgem();
        Vgem.Buffer own = device.allocate();
        Heap heap = Heaps.open("dma-heap:system?limit=1MiB");
        DmaBuf buffer = heap.allocate(BYTES)) {
      int work = device.begin(own, true);
      Fence fence = new ImplicitFences(own.file()).snapshot(Access.READ);
      buffer.publish(fence, Access.WRITE);
      connection.send(buffer, Access.READ_WRITE);
      connection.send(fence);
      hear(connection);
      try (Hold hold = buffer.hold()) { // what a device would do, which goes by no fence of its own
        hold.segment().fill(WRITTEN);
      }
      device.end(work);
      hear(connection); // the heap's end waits for the reader
    }
  }
}
