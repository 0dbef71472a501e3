package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.device.sharing.DoomedPeer.Step;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real processes that are killed (SIGKILL) at every step of the protocol: this side is told, goes
 * on, and leaves nothing open. {@code -Ddmabuf4j.kills} says how many; unless set, one for each
 * step, because each is the start of a JVM.
 */
final class KilledPeerTest {
  private static final int KILLS = Integer.getInteger("dmabuf4j.kills", Step.values().length);
  private static final Duration SOON = Duration.ofSeconds(60);
  private static final int STARTED_AHEAD = 2;

  @TempDir Path folder;
  private final Deque<Process> ahead = new ArrayDeque<>();
  private BufferListener listener;
  private int started;

  @BeforeEach
  void listen() {
    listener = BufferListener.open(PeerAddress.of(folder.resolve("socket")));
  }

  @AfterEach
  void end() {
    listener.close();
    ahead.forEach(Process::destroyForcibly);
  }

  @Test
  void peers_thatAreKilledAtEveryStep_areSaidToBeGone_andLeaveNothing() throws Exception {
    List<Step> steps = List.of(Step.values());
    OpenFiles before = null;
    for (int i = 0; i < KILLS; i++) {
      Step step = steps.get(i % steps.size());
      Process peer = next();
      if (before == null) {
        before = ours(OpenFiles.now());
      }
      try {
        meet(peer, step);
      } catch (RuntimeException | Error e) {
        throw new AssertionError("kill %d, at the step %s".formatted(i, step), e);
      } finally {
        peer.destroyForcibly().waitFor();
        peer.getInputStream().close();
        peer.getOutputStream().close();
      }
      checkNothingIsLeft(before, step);
    }
  }

  /** Without the pipes of processes. */
  private static OpenFiles ours(OpenFiles all) {
    return new OpenFiles(
        all.files().stream()
            .filter(file -> !file.equals("pipe") && !file.equals("/dev/null"))
            .toList(),
        all.counted());
  }

  private static void checkNothingIsLeft(OpenFiles before, Step step) {
    long start = System.nanoTime();
    while (!ours(OpenFiles.look()).equals(before) && System.nanoTime() - start < SOON.toNanos()) {
      Thread.yield();
    }
    assertThat(ours(OpenFiles.look())).as("after %s", step).isEqualTo(before);
  }

  // ---- processes ----

  private Process next() throws IOException {
    while (ahead.size() < STARTED_AHEAD && started < KILLS) {
      ahead.add(start());
      started++;
    }
    return ahead.remove();
  }

  private static Process start() throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xshare:auto",
            "-Xmx64m",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            DoomedPeer.class.getName())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private BufferConnection connect(Process peer, Step step) throws Exception {
    Writer commands = peer.outputWriter(StandardCharsets.UTF_8);
    commands.write("%s%n%s%n".formatted(listener.address(), step));
    commands.flush();
    BufferConnection connection = listener.accept(SOON);
    assertThat((long) connection.peer().pid()).isEqualTo(peer.pid());
    return connection;
  }

  /** Waits until the peer has reached its step, and kills it. */
  private static void kill(Process peer) {
    try {
      BufferedReader output =
          new BufferedReader(new InputStreamReader(peer.getInputStream(), StandardCharsets.UTF_8));
      assertThat(output.readLine()).isEqualTo("here");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    peer.destroyForcibly();
  }

  // ---- what happens ----

  private void meet(Process peer, Step step) throws Exception {
    try (BufferConnection connection = connect(peer, step)) {
      if (step.consumes()) {
        offer(peer, connection, step);
      } else if (step.produces()) {
        await(peer, connection, step);
      } else {
        kill(peer);
        listenUntilTheEnd(connection);
      }
    }
  }

  private static void listenUntilTheEnd(BufferConnection connection) {
    List<Fence> fences = new ArrayList<>();
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(
            () -> {
              while (true) {
                switch (connection.receive(SOON)) {
                  case Received.Buffer(DmaBuf buffer) -> buffer.close();
                  case Received.Signal(Fence fence) -> fences.add(fence);
                  case Received.Message(byte[] bytes) -> assertThat(bytes).hasSize(100);
                }
              }
            })
        .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.GONE));
    assertThat(fences).allMatch(fence -> fence.isSignaled() && fence.error().isPresent());
  }

  private static void await(Process peer, BufferConnection connection, Step step)
      throws InterruptedException {
    try (BufferConsumer queue = connection.awaitQueue(SOON)) {
      if (step == Step.PRODUCING) {
        for (int i = 0; i < 20; i++) {
          queue.release(queue.acquire(SOON).orElseThrow());
        }
      }
      kill(peer);
      List<BufferSlot> held = new ArrayList<>();
      try {
        Optional<BufferSlot> next = queue.acquire(SOON);
        while (next.isPresent()) {
          held.add(next.get());
          next = queue.acquire(SOON);
        }
        assertThat(step).isEqualTo(Step.ENDED_THE_STREAM);
      } catch (PeerException e) {
        assertThat(e.problem()).isEqualTo(Problem.GONE);
        assertThat(step).isNotEqualTo(Step.ENDED_THE_STREAM);
      }
      held.forEach(slot -> assertThat(slot.fence().awaitUninterruptibly(SOON)).isTrue());
      held.forEach(queue::release);
    }
  }

  private static void offer(Process peer, BufferConnection connection, Step step)
      throws InterruptedException {
    List<DmaBuf> buffers = TestBuffers.allocate(3);
    if (step == Step.ASKED_FOR_A_QUEUE) {
      kill(peer);
    }
    try (BufferProducer queue = connection.offerQueue("q", buffers, Access.READ, SOON)) {
      queue.queue(queue.dequeue(SOON));
      int more = step == Step.CONSUMING ? 20 : 0;
      for (int i = 0; i < more; i++) {
        queue.queue(queue.dequeue(SOON));
      }
      kill(peer);
      while (true) {
        queue.queue(queue.dequeue(SOON));
      }
    } catch (PeerException e) {
      assertThat(e.problem()).isEqualTo(Problem.GONE);
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }
}
