package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FenceContext;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/**
 * A process that goes to one step of the protocol, says so in a line, and waits to be killed there.
 * Reads the address and the step from its input, so that it can be started ahead.
 */
final class DoomedPeer {
  /** Where it is killed. */
  enum Step {
    CONNECTED,
    SENT_A_MESSAGE,
    SENT_A_BUFFER,
    SENT_A_PENDING_FENCE,
    OFFERED_A_QUEUE,
    QUEUED_A_FRAME,
    QUEUED_WITH_A_PENDING_FENCE,
    PRODUCING,
    ENDED_THE_STREAM,
    ASKED_FOR_A_QUEUE,
    HAS_A_QUEUE,
    ACQUIRED_A_FRAME,
    RELEASED_WITH_A_PENDING_FENCE,
    CONSUMING;

    /** Whether the other side has to offer a queue. */
    boolean consumes() {
      return compareTo(ASKED_FOR_A_QUEUE) >= 0;
    }

    /** Whether the other side waits for a queue. */
    boolean produces() {
      return !consumes() && compareTo(OFFERED_A_QUEUE) >= 0;
    }
  }

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final FenceContext never = FenceContext.create("never");
  private final BufferConnection connection;
  private final Step step;

  private DoomedPeer(BufferConnection connection, Step step) {
    this.connection = connection;
    this.step = step;
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String address = input.readLine();
    String step = input.readLine();
    if (address == null || step == null) {
      return;
    }
    BufferConnection connection = BufferConnection.connect(PeerAddress.of(address), PATIENCE);
    DoomedPeer peer = new DoomedPeer(connection, Step.valueOf(step));
    if (peer.step.consumes()) {
      peer.consume();
    } else if (peer.step.produces()) {
      peer.produce();
    } else {
      peer.talk();
    }
  }

  private void reached(Step now) throws IOException, InterruptedException {
    if (step == now) {
      say();
      Thread.currentThread().join(); // until it is killed
    }
  }

  private static void say() {
    System.out.println("here");
    System.out.flush();
  }

  private void talk() throws Exception {
    reached(Step.CONNECTED);
    connection.send(new byte[100]);
    reached(Step.SENT_A_MESSAGE);
    try (DmaBuf buffer = TestBuffers.allocate("doomed")) {
      connection.send(buffer, Access.READ_WRITE);
      reached(Step.SENT_A_BUFFER);
    }
    connection.send(never.newFence());
    reached(Step.SENT_A_PENDING_FENCE);
  }

  private void produce() throws Exception {
    List<DmaBuf> buffers = TestBuffers.allocate(3);
    try (BufferProducer queue = connection.offerQueue("doomed", buffers, Access.READ, PATIENCE)) {
      reached(Step.OFFERED_A_QUEUE);
      queue.queue(queue.dequeue(PATIENCE));
      reached(Step.QUEUED_A_FRAME);
      queue.queue(queue.dequeue(PATIENCE), never.newFence());
      reached(Step.QUEUED_WITH_A_PENDING_FENCE);
      if (step == Step.PRODUCING) {
        say();
        while (true) {
          queue.queue(queue.dequeue(PATIENCE));
        }
      }
      queue.end();
      reached(Step.ENDED_THE_STREAM);
    }
  }

  private void consume() throws Exception {
    if (step == Step.ASKED_FOR_A_QUEUE) {
      say();
    }
    try (BufferConsumer queue = connection.awaitQueue(PATIENCE)) {
      reached(Step.HAS_A_QUEUE);
      BufferSlot slot = queue.acquire(PATIENCE).orElseThrow();
      reached(Step.ACQUIRED_A_FRAME);
      queue.release(slot, never.newFence());
      reached(Step.RELEASED_WITH_A_PENDING_FENCE);
      say();
      while (true) {
        queue.release(queue.acquire(PATIENCE).orElseThrow());
      }
    }
  }
}
