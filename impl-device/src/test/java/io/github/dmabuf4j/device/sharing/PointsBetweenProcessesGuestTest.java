package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceAbandonedException;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.device.ChildProcess;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.RenderNode;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Fences of a queue that cross as points of a timeline (design rules FN6, DV4, DV5): {@link
 * PointPeer} is the other process.
 */
@Tag("guest")
@Timeout(120)
final class PointsBetweenProcessesGuestTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int SLOTS = 8;

  private final RenderNode node = RenderNode.present().orElseThrow();

  @TempDir Path folder;
  private OpenFiles before;
  private int handles;

  @BeforeEach
  void look() {
    before = OpenFiles.now();
    handles = node.handles();
  }

  @AfterEach
  void nothingIsLeft() {
    before.assertNoMoreSoon();
    assertThat(node.handles()).isEqualTo(handles);
  }

  private static int fences() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  /** Until no more are open: what isn't needed any more is closed in a moment. */
  private static void awaitFences(int most) {
    long start = System.nanoTime();
    while (fences() > most && System.nanoTime() - start < PATIENCE.toNanos()) {
      Thread.onSpinWait();
    }
    assertThat(fences()).isLessThanOrEqualTo(most);
  }

  // ---- a process that produces ----

  /** What is done with the other process and the queue that it produces for. */
  @FunctionalInterface
  private interface Body {
    void run(Process process, BufferConsumer queue) throws Exception;
  }

  private void withPeer(Body body) throws Exception {
    PeerAddress address = PeerAddress.of(folder.resolve("socket"));
    Process process;
    BufferConnection connection;
    try (BufferListener listener = BufferListener.open(address)) {
      process =
          ChildProcess.start(
              PointPeer.class, folder.resolve("socket").toString(), Integer.toString(SLOTS));
      connection = listener.accept(PATIENCE);
    }
    try (BufferConsumer queue = connection.awaitQueue(PATIENCE)) {
      body.run(process, queue);
    } finally {
      process.destroyForcibly().waitFor();
      process.getInputStream().close();
      process.getErrorStream().close();
      process.getOutputStream().close();
    }
  }

  private static void tell(Process process, String line) throws IOException {
    Writer writer = process.outputWriter(StandardCharsets.UTF_8);
    writer.write(line + "\n");
    writer.flush();
  }

  private static List<BufferSlot> acquireAll(Process process, BufferConsumer queue)
      throws Exception {
    List<BufferSlot> slots = new ArrayList<>();
    for (int i = 0; i < SLOTS; i++) {
      tell(process, "queue");
      slots.add(queue.acquire(PATIENCE).orElseThrow());
    }
    return slots;
  }

  @Test
  void fn6_pointThatAnotherProcessSignals_wakesAFence_andManyTakeFewDescriptors() throws Exception {
    withPeer(
        (process, queue) -> {
          int open = fences();
          List<BufferSlot> slots = acquireAll(process, queue);
          // The first as an event, then one timeline: a counter, and what failed.
          awaitFences(open + 3);
          assertThat(slots).noneMatch(slot -> slot.fence().isSignaled());
          for (int i = 0; i < SLOTS; i++) {
            tell(process, "signal");
            assertThat(slots.get(i).fence().await(PATIENCE)).isTrue();
            assertThat(slots.get(i).fence().error()).isEmpty();
            if (i + 1 < SLOTS) {
              assertThat(slots.get(i + 1).fence().isSignaled()).isFalse();
            }
            queue.release(slots.get(i));
          }
        });
  }

  @Test
  void failureInAnotherProcess_isTold_andTheNextPointSucceeds() throws Exception {
    withPeer(
        (process, queue) -> {
          List<BufferSlot> slots = acquireAll(process, queue);
          for (int i = 0; i < SLOTS; i++) {
            tell(process, i % 2 == 0 ? "signal" : "fail");
          }
          for (int i = 0; i < SLOTS; i++) {
            Fence fence = slots.get(i).fence();
            assertThat(fence.await(PATIENCE)).isTrue();
            assertThat(fence.error().map(error -> ((DmaBufException) error).errno().orElseThrow()))
                .isEqualTo(i % 2 == 0 ? Optional.empty() : Optional.of(Errno.EIO));
          }
          slots.forEach(queue::release);
        });
  }

  @Test
  void fn1_processThatIsKilled_failsItsPendingPoints_andNothingIsLeft() throws Exception {
    withPeer(
        (process, queue) -> {
          List<BufferSlot> slots = acquireAll(process, queue);
          process.destroyForcibly().waitFor(); // SIGKILL
          for (BufferSlot slot : slots) {
            assertThat(slot.fence().await(PATIENCE)).isTrue();
            assertThat(slot.fence().error()).containsInstanceOf(FenceAbandonedException.class);
          }
          assertThatExceptionOfType(PeerException.class)
              .isThrownBy(() -> queue.acquire(PATIENCE))
              .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.GONE));
          assertThat(node.handles()).isEqualTo(handles);
          slots.forEach(queue::release);
        });
  }

  // ---- both ends here ----

  @Test
  void fences_goBothWays_inTheirOrder_roundAfterRound() throws Exception {
    List<BufferConnection> pair = BufferConnection.pair();
    List<DmaBuf> buffers = TestBuffers.allocate(3);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        FenceContext written = FenceContext.create("written");
        FenceContext read = FenceContext.create("read")) {
      Future<BufferProducer> offered =
          threads.submit(() -> pair.getFirst().offerQueue("q", buffers, Access.READ, PATIENCE));
      try (BufferConsumer consumer = pair.getLast().awaitQueue(PATIENCE);
          BufferProducer producer = offered.get()) {
        for (int i = 0; i < 100; i++) {
          BufferSlot free = producer.dequeue(PATIENCE);
          assertThat(free.fence().await(PATIENCE)).isTrue();
          Fence acquire = written.newFence();
          producer.queue(free, acquire);
          BufferSlot frame = consumer.acquire(PATIENCE).orElseThrow();
          assertThat(frame.fence().isSignaled()).isFalse();
          written.signal(acquire);
          assertThat(frame.fence().await(PATIENCE)).isTrue();
          Fence release = read.newFence();
          consumer.release(frame, release);
          // Of two timelines, and of the first two fences.
          awaitFences(before.counted().get(Descriptor.Kind.FENCE) + 8);
          read.signal(release);
        }
        assertThat(node.handles()).isEqualTo(handles + 4);
      }
    } finally {
      buffers.forEach(DmaBuf::close);
      pair.forEach(BufferConnection::close);
    }
  }
}
