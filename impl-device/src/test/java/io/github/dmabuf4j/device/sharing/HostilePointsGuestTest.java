package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceAbandonedException;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.KernelSyncObject;
import io.github.dmabuf4j.device.linux.RenderNode;
import io.github.dmabuf4j.device.linux.SlowFile;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Peers that send timelines and points which aren't what they should be, where this process takes
 * some (design rules DV5, DV6): each is a clear exception, and leaves nothing.
 */
@Tag("guest")
@Timeout(120)
final class HostilePointsGuestTest {
  private static final Duration SOON = Duration.ofSeconds(60);
  private static final int QUEUED = FrameKind.QUEUED.code;
  private static final int NEW = FenceForm.POINT_OF_NEW_TIMELINE.code;
  private static final int KNOWN = FenceForm.POINT.code;

  private final RenderNode node = RenderNode.present().orElseThrow();
  private OpenFiles before;
  private int handles;
  private RawPeer peer;
  private KernelSyncObject points;
  private Descriptor timeline;
  private int failures;

  @BeforeAll
  static void openStrangeFiles() throws IOException {
    new StrangeFiles().close(); // what the JVM opens for them stays open
    new SlowFile().close();
  }

  @BeforeEach
  void connect() throws Exception {
    before = OpenFiles.now();
    handles = node.handles();
    peer = new RawPeer();
    points = KernelSyncObject.create(node, "hostile");
    timeline = points.export("hostile");
    failures = StrangeFiles.memoryFile(4096, linux_h.F_SEAL_SHRINK());
  }

  @AfterEach
  void nothingIsLeft() {
    int _ = Syscalls.close(failures);
    timeline.close();
    points.close();
    peer.close();
    before.assertNoMoreSoon();
    assertThat(node.handles()).isEqualTo(handles);
  }

  /** A consumer whose producer is the raw peer, with one buffer. */
  private BufferConsumer consumer() throws Exception {
    int memory = StrangeFiles.memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_SHRINK());
    try {
      peer.send(
          FrameKind.OFFER.code,
          content -> {
            content.put((byte) 1).put((byte) 'q').putInt(1);
            content.putLong(TestBuffers.BYTES).put((byte) 1).put((byte) 0);
          },
          memory);
    } finally {
      int _ = Syscalls.close(memory);
    }
    BufferConsumer consumer = peer.connection.awaitQueue(SOON);
    assertThat(peer.receiveKind()).isEqualTo(FrameKind.ACCEPT.code);
    return consumer;
  }

  private static Consumer<ByteBuffer> token(int form, int number, long point) {
    return content -> content.putInt(0).putLong(1).putInt(form).putInt(number).putLong(point);
  }

  private void assertRefused(Runnable lie) throws Exception {
    try (BufferConsumer consumer = consumer()) {
      lie.run();
      assertThat(thrownBy(() -> consumer.acquire(SOON)))
          .isInstanceOfSatisfying(
              PeerException.class, e -> assertThat(e.problem()).isEqualTo(Problem.FENCE));
    }
  }

  /** On a thread that may hang in the kernel, which nothing interrupts. */
  private static Throwable thrownBy(Callable<?> call) throws Exception {
    CompletableFuture<Throwable> thrown = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try {
                thrown.completeExceptionally(new AssertionError("returned " + call.call()));
              } catch (Throwable e) {
                thrown.complete(e);
              }
            });
    return thrown.get(SOON.toSeconds(), TimeUnit.SECONDS);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "0, -1", "0, 2251799813685248", "16, 1", "-1, 1"})
  void pointOrTimeline_thatCanNotBe_isRefused(int number, long point) throws Exception {
    assertRefused(() -> peer.send(QUEUED, token(NEW, number, point), timeline.fd(), failures));
  }

  @Test
  void pointOfATimeline_thatNeverCame_isRefused() throws Exception {
    assertRefused(() -> peer.send(QUEUED, token(KNOWN, 0, 1)));
  }

  @Test
  void descriptors_inTheWrongOrder_areRefused() throws Exception {
    assertRefused(() -> peer.send(QUEUED, token(NEW, 0, 1), failures, timeline.fd()));
  }

  @Test
  void files_thatAreNoTimelines_orHaveNoFailures_areRefused() throws Exception {
    try (StrangeFiles files = new StrangeFiles()) {
      for (int file : files.all().values()) {
        try (RawPeer one = peer) {
          assertRefused(() -> peer.send(QUEUED, token(NEW, 0, 1), file, failures));
        }
        peer = new RawPeer();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void fn5_fileInsteadOfATimelineOrItsFailures_isRefused_withoutWaitingForItsClose(int which)
      throws Exception {
    try (SlowFile slow = new SlowFile()) {
      int[] files = {timeline.fd(), failures};
      files[which] = slow.fd();
      assertRefused(
          () -> {
            peer.send(QUEUED, token(NEW, 0, 1), files);
            slow.forget();
          });
    }
  }

  @Test
  void pointThatNeverComes_failsWithThePeersEnd() throws Exception {
    try (BufferConsumer consumer = consumer()) {
      peer.send(QUEUED, token(NEW, 0, 5), timeline.fd(), failures);
      BufferSlot slot = consumer.acquire(SOON).orElseThrow();
      Fence fence = slot.fence();
      points.signal(4);
      assertThat(fence.isSignaled()).isFalse();
      peer.socket().close();
      assertThat(fence.await(SOON)).isTrue();
      assertThat(fence.error()).containsInstanceOf(FenceAbandonedException.class);
      consumer.release(slot);
    }
  }

  @Test
  void pointThatWasReachedEarly_isReached_andAnEmptyFileOfFailuresMeansSuccess() throws Exception {
    try (BufferConsumer consumer = consumer()) {
      points.signal(1L << 40);
      peer.send(QUEUED, token(NEW, 0, 5), timeline.fd(), failures);
      BufferSlot slot = consumer.acquire(SOON).orElseThrow();
      assertThat(slot.fence().await(SOON)).isTrue();
      assertThat(slot.fence().error()).isEmpty();
      consumer.release(slot);
    }
  }
}
