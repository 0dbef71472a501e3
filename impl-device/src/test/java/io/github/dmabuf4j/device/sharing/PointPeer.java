package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * The producer's process of {@link PointsBetweenProcessesGuestTest}: queues frames whose fences are
 * of one context, and ends these when it is told to, by lines of its input.
 */
final class PointPeer {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final FenceContext stage = FenceContext.create("stage");
  private final Deque<Fence> pending = new ArrayDeque<>();
  private final BufferProducer queue;

  private PointPeer(BufferProducer queue) {
    this.queue = queue;
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PeerAddress address = PeerAddress.of(arguments[0]);
    int slots = Integer.parseInt(arguments[1]);
    BufferConnection connection = BufferConnection.connect(address, PATIENCE);
    List<DmaBuf> buffers = TestBuffers.allocate(slots);
    BufferProducer queue = connection.offerQueue("points", buffers, Access.READ, PATIENCE);
    buffers.forEach(DmaBuf::close);
    PointPeer peer = new PointPeer(queue);
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      peer.obey(line);
    }
  }

  private void obey(String line) throws InterruptedException {
    switch (line) {
      case "queue" -> {
        pending.add(stage.newFence());
        queue.queue(queue.dequeue(PATIENCE), pending.getLast());
      }
      case "signal" -> stage.signal(pending.remove());
      case "fail" ->
          stage.fail(
              pending.remove(), new DmaBufException("work", Errno.EIO, "failed on purpose", null));
      default -> throw new IllegalArgumentException(line);
    }
  }
}
