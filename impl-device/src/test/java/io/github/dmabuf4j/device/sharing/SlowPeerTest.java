package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SlowFile;
import io.github.dmabuf4j.device.linux.SocketMessage;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Peers that send files whose close sleeps: nobody waits for it but what is theirs. */
@Timeout(120)
final class SlowPeerTest {
  private static final Duration SOON = RawPeer.SOON;

  private OpenFiles before;
  private RawPeer peer;
  private SlowFile slow;

  /** What the JVM opens for sockets stays open. */
  @BeforeAll
  static void openOneSlowFile() throws Exception {
    new SlowFile().close();
  }

  @BeforeEach
  void connect() throws Exception {
    before = OpenFiles.now();
    peer = new RawPeer();
    slow = new SlowFile();
  }

  @AfterEach
  void nothingStaysOpen() throws Exception {
    slow.close();
    peer.close();
    before.assertSameSoon();
  }

  /** On a thread that may hang in the kernel, which nothing interrupts. */
  private static PeerException refusal(RawPeer peer) throws Exception {
    CompletableFuture<Throwable> refused = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try {
                Received got = peer.connection.receive(SOON);
                refused.completeExceptionally(new AssertionError("received " + got));
              } catch (Throwable e) {
                refused.complete(e);
              }
            });
    Throwable reason = refused.get(20, TimeUnit.SECONDS);
    assertThat(reason).isInstanceOf(PeerException.class);
    return (PeerException) reason;
  }

  @Test
  void fn5_fileThatWasNotAskedFor_isRefused_withoutWaitingForItsClose() throws Exception {
    peer.send(FrameKind.MESSAGE.code, content -> {}, slow.fd());
    slow.forget();
    assertThat(refusal(peer).problem()).isEqualTo(Problem.DESCRIPTORS);
  }

  @Test
  void fn5_fileInsteadOfMemory_isRefused_withoutWaitingForItsClose() throws Exception {
    peer.send(
        FrameKind.BUFFER.code,
        content -> content.putLong(4096).put((byte) 0).put((byte) 0),
        slow.fd());
    slow.forget();
    assertThat(refusal(peer).problem()).isEqualTo(Problem.MEMORY);
  }

  @Test
  void fn5_fileInsteadOfAFence_isRefused_withoutWaitingForItsClose() throws Exception {
    for (int form : new int[] {FenceForm.EVENT.code, FenceForm.SYNC_FILE.code}) {
      try (SlowFile file = new SlowFile();
          RawPeer one = new RawPeer()) {
        one.send(FrameKind.FENCE.code, content -> content.putInt(form), file.fd());
        file.forget();
        assertThat(refusal(one).problem()).isEqualTo(Problem.FENCE);
      }
    }
  }

  /** A consumer whose producer is the raw peer, with one buffer. */
  private BufferConsumer consumer() throws Exception {
    int memory = StrangeFiles.memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_SHRINK());
    peer.send(
        FrameKind.OFFER.code,
        content -> {
          content.put((byte) 1).put((byte) 'q').putInt(1);
          content.putLong(TestBuffers.BYTES).put((byte) 1).put((byte) 0);
        },
        memory);
    int _ = Syscalls.close(memory);
    BufferConsumer consumer = peer.connection.awaitQueue(SOON);
    assertThat(peer.receiveKind()).isEqualTo(FrameKind.ACCEPT.code);
    return consumer;
  }

  /** On a virtual thread, for which the poller reads. */
  private static CompletableFuture<Optional<BufferSlot>> acquired(BufferConsumer consumer) {
    CompletableFuture<Optional<BufferSlot>> acquired = new CompletableFuture<>();
    Thread.startVirtualThread(
        () -> {
          try {
            acquired.complete(consumer.acquire(SOON));
          } catch (Throwable e) {
            acquired.completeExceptionally(e);
          }
        });
    return acquired;
  }

  @Test
  void fn5_poller_thatReadsForAVirtualThread_doesNotWaitForTheCloseOfWhatCame() throws Exception {
    try (BufferConsumer consumer = consumer()) {
      CompletableFuture<Optional<BufferSlot>> acquired = acquired(consumer);
      peer.send(
          FrameKind.QUEUED.code, content -> content.putInt(0).putLong(1).putInt(1), slow.fd());
      slow.forget();
      assertThatExceptionOfType(ExecutionException.class)
          .isThrownBy(() -> acquired.get(20, TimeUnit.SECONDS))
          .withCauseInstanceOf(PeerException.class);
      assertPollerRuns();
    }
  }

  /** Where there is no render node these are refused unseen, and closed like all others. */
  @Test
  void fn5_filesInsteadOfATimeline_areRefused_withoutWaitingForTheirClose() throws Exception {
    try (BufferConsumer consumer = consumer();
        SlowFile other = new SlowFile()) {
      CompletableFuture<Optional<BufferSlot>> acquired = acquired(consumer);
      int form = FenceForm.POINT_OF_NEW_TIMELINE.code;
      peer.send(
          FrameKind.QUEUED.code,
          content -> content.putInt(0).putLong(1).putInt(form).putInt(0).putLong(1),
          slow.fd(),
          other.fd());
      slow.forget();
      other.forget();
      assertThatExceptionOfType(ExecutionException.class)
          .isThrownBy(() -> acquired.get(20, TimeUnit.SECONDS))
          .withCauseInstanceOf(PeerException.class);
      assertPollerRuns();
    }
  }

  private static void assertPollerRuns() throws Exception {
    CompletableFuture<Integer> heard = new CompletableFuture<>();
    try (Descriptor event = EventCounter.create(Descriptor.Kind.FENCE, "SlowPeerTest")) {
      var _ = Poller.ofThisProcess().register(event, Poller.IN, heard::complete);
      EventCounter.add(event, 1);
      assertThat(heard.get(20, TimeUnit.SECONDS)).isEqualTo(Poller.IN);
    }
  }

  @Test
  void fn5_filesOfAnotherPeer_areClosed_whileACloseSleeps() throws Exception {
    peer.send(FrameKind.MESSAGE.code, content -> {}, slow.fd());
    slow.forget();
    assertThat(refusal(peer).problem()).isEqualTo(Problem.DESCRIPTORS);
    OpenFiles meanwhile = OpenFiles.look();
    try (Descriptor event = EventCounter.create(Descriptor.Kind.FENCE, "SlowPeerTest");
        RawPeer other = new RawPeer()) {
      int[] many = IntStream.generate(event::fd).limit(100).toArray();
      other.send(FrameKind.MESSAGE.code, content -> {}, many);
      assertThat(refusal(other).problem()).isEqualTo(Problem.DESCRIPTORS);
    }
    meanwhile.assertSameSoon();
  }

  @Test
  void dv5_peerWithoutRoomForMoreOfItsFiles_isNotListenedToAnyMore() throws Exception {
    ClosingThread closing = peer.channel.closing();
    assertThat(closing.tryClose(slow.detach())).isTrue();
    while (!closing.hasRoom(2 * SocketMessage.MAX_DESCRIPTORS)) {
      Thread.yield(); // until the thread sleeps in that close
    }
    handOver(closing, SocketMessage.MAX_DESCRIPTORS); // as one frame without Java heap brings
    assertThat(peer.channel.tryReceive()).isNull();
    handOver(closing, 1);
    peer.send(FrameKind.MESSAGE.code, content -> {});
    assertThat(refusal(peer).problem()).isEqualTo(Problem.LIMIT);
    assertThat(peer.connection.isClosed()).isTrue();
  }

  private static void handOver(ClosingThread closing, int count) {
    for (int i = 0; i < count; i++) {
      assertThat(closing.tryClose(Syscalls.eventfd(0, linux_h.EFD_CLOEXEC()))).isTrue();
    }
  }

  @Test
  void dv5_eventsThatThePeerWasGiven_areClosedByTheThreadThatIsAskedBeforeMoreIsSent()
      throws Exception {
    try (PeerFences fences = new PeerFences(peer.channel.peer(), peer.channel.closing());
        PeerFences.Outgoing sent = fences.exportAlways(Fence.stub())) {
      assertThat(sent.descriptor()).isInstanceOf(Descriptor.class);
      assertThat(((Descriptor) sent.descriptor()).closing()).contains(peer.channel.closing());
    }
  }
}
