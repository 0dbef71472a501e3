package io.github.dmabuf4j.device.snippets;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.device.sharing.BufferListener;
import io.github.dmabuf4j.device.sharing.PeerAddress;
import io.github.dmabuf4j.device.sharing.Received;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Two processes with the same buffers. */
final class Sharing {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private Sharing() {}

  static void connect(Path path, DmaBuf picture, Fence drawn) throws InterruptedException {
    // @start region="connect"
    try (BufferConnection peer = BufferConnection.connect(PeerAddress.of(path), PATIENCE)) {
      peer.send(picture, Access.READ); // its memory, its name and its layout
      peer.send(drawn); // signals there when it signals here
    }
    // @end
  }

  static void receive(BufferConnection peer) throws InterruptedException {
    // @start region="receive"
    switch (peer.receive(PATIENCE)) {
      case Received.Buffer(DmaBuf buffer) -> {
        try (buffer) {
          System.out.println(buffer.name() + ", " + buffer.layout());
        }
      }
      case Received.Signal(Fence fence) -> fence.await(PATIENCE);
      case Received.Message(byte[] bytes) -> System.out.println(bytes.length + " bytes");
    }
    // @end
  }

  static void produce(Path path, int frames) throws InterruptedException {
    // @start region="producer"
    List<DmaBuf> buffers = new ArrayList<>();
    try (Heap heap = Heaps.open("memfd:system?limit=64MiB");
        BufferListener listener = BufferListener.open(PeerAddress.of(path))) {
      for (int i = 0; i < 4; i++) {
        buffers.add(heap.allocate(1 << 20));
      }
      BufferConnection peer = listener.accept(PATIENCE);
      try (BufferProducer queue = peer.offerQueue("frames", buffers, Access.READ, PATIENCE)) {
        for (int i = 0; i < frames; i++) {
          BufferSlot slot = queue.dequeue(); // waits until the other process gives one back
          slot.fence().await();
          byte content = (byte) i;
          slot.buffer().write(bytes -> bytes.fill(content));
          queue.queue(slot);
        }
        queue.end();
      }
      buffers.forEach(DmaBuf::close);
    }
    // @end
  }

  static void consume(Path path) throws InterruptedException {
    // @start region="consumer"
    BufferConnection peer = BufferConnection.connect(PeerAddress.of(path), PATIENCE);
    try (BufferConsumer queue = peer.awaitQueue(PATIENCE)) {
      Optional<BufferSlot> next = queue.acquire();
      while (next.isPresent()) {
        BufferSlot slot = next.get();
        slot.fence().await();
        long sum =
            slot.buffer().read(bytes -> bytes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0));
        System.out.println(sum);
        queue.release(slot);
        next = queue.acquire();
      }
    }
    // @end
  }
}
