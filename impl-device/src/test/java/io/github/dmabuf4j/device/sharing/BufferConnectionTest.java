package io.github.dmabuf4j.device.sharing;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceAbandonedException;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What goes over a connection, between two that keep to the protocol. */
final class BufferConnectionTest {
  private static final Duration SOON = Duration.ofSeconds(20);

  private OpenFiles before;
  private BufferConnection here;
  private BufferConnection there;

  @BeforeEach
  void connect() {
    before = OpenFiles.now();
    List<BufferConnection> pair = BufferConnection.pair();
    here = pair.getFirst();
    there = pair.getLast();
  }

  @AfterEach
  void nothingStaysOpen() {
    here.close();
    there.close();
    before.assertSameSoon();
  }

  private static DmaBuf buffer(Received received) {
    assertThat(received).isInstanceOf(Received.Buffer.class);
    return ((Received.Buffer) received).buffer();
  }

  private static Fence fence(Received received) {
    assertThat(received).isInstanceOf(Received.Signal.class);
    return ((Received.Signal) received).fence();
  }

  @Test
  void message_arrivesAsItWasSent_inOrder() throws InterruptedException {
    here.send(new byte[] {1, 2, 3});
    here.send(new byte[0]);
    here.send(new byte[BufferConnection.MAX_MESSAGE_BYTES]);

    assertThat(((Received.Message) there.receive(SOON)).bytes()).containsExactly(1, 2, 3);
    assertThat(((Received.Message) there.receive(SOON)).bytes()).isEmpty();
    assertThat(((Received.Message) there.receive(SOON)).bytes()).hasSize(65_512);
  }

  @Test
  void message_thatIsTooLong_isRefusedWithTheLimit() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> here.send(new byte[BufferConnection.MAX_MESSAGE_BYTES + 1]))
        .withMessageContaining("at most 65512 bytes, got 65513");
  }

  @Test
  void connection_overWhatIsNoSocket_isRefused_andCloses() {
    Descriptor event = EventCounter.create(Descriptor.Kind.SOCKET, "no socket");
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> BufferConnection.over(event))
        .withMessageContaining("SO_PEERCRED");
    assertThat(event.isClosed()).isTrue();
  }

  @Test
  void buffer_isTheSameMemory_withItsNameAndLayout() throws InterruptedException {
    FrameLayout layout = FrameLayout.of(PixelFormat.I420, 120, 67);
    try (DmaBuf sent = TestBuffers.allocate("a frame")) {
      sent.setLayout(layout);
      sent.write(bytes -> bytes.set(JAVA_BYTE, 5, (byte) 42));
      here.send(sent, Access.READ_WRITE);

      try (DmaBuf received = buffer(there.receive(SOON))) {
        assertThat(received.size()).isEqualTo(TestBuffers.BYTES);
        assertThat(received.name()).isEqualTo("a frame");
        assertThat(received.layout()).contains(layout);
        assertThat(received.isReadOnly()).isFalse();
        assertThat(received.<Byte, RuntimeException>read(bytes -> bytes.get(JAVA_BYTE, 5)))
            .isEqualTo((byte) 42);
        received.write(bytes -> bytes.set(JAVA_BYTE, 6, (byte) 43));
        assertThat(sent.<Byte, RuntimeException>read(bytes -> bytes.get(JAVA_BYTE, 6)))
            .isEqualTo((byte) 43);
      }
    }
  }

  @Test
  void buffer_toBeReadOnly_canBeReadAndNotWritten() throws InterruptedException {
    try (DmaBuf sent = TestBuffers.allocate("a frame")) {
      sent.write(bytes -> bytes.set(JAVA_BYTE, 5, (byte) 42));
      here.send(sent, Access.READ);
      try (DmaBuf received = buffer(there.receive(SOON))) {
        assertThat(received.isReadOnly()).isTrue();
        assertThat(received.<Byte, RuntimeException>read(bytes -> bytes.get(JAVA_BYTE, 5)))
            .isEqualTo((byte) 42);
        assertThatIllegalStateException().isThrownBy(() -> received.write(bytes -> {}));
      }
    }
  }

  @Test
  void buffer_outlivesTheSendersAndTheConnection() throws InterruptedException {
    DmaBuf received;
    try (DmaBuf sent = TestBuffers.allocate("a frame")) {
      sent.write(bytes -> bytes.fill((byte) 7));
      here.send(sent, Access.READ);
      received = buffer(there.receive(SOON));
    }
    here.close();
    there.close();
    try (received) {
      assertThat(received.<Byte, RuntimeException>read(bytes -> bytes.get(JAVA_BYTE, 100)))
          .isEqualTo((byte) 7);
    }
  }

  @Test
  void access_thatMakesNoSense_isRefused() throws InterruptedException {
    try (DmaBuf buffer = TestBuffers.allocate("a frame");
        DmaBuf readOnly = buffer.dupReadOnly()) {
      assertThatIllegalArgumentException().isThrownBy(() -> here.send(buffer, Access.WRITE));
      assertThatIllegalArgumentException().isThrownBy(() -> here.send(readOnly, Access.READ_WRITE));
      here.send(readOnly, Access.READ);
      buffer(there.receive(SOON)).close();
    }
  }

  @Test
  void fence_signalsThereWhenItSignalsHere() throws InterruptedException {
    try (FenceContext context = FenceContext.create("work")) {
      Fence fence = context.newFence();
      here.send(fence);
      Fence received = fence(there.receive(SOON));
      assertThat(received.isSignaled()).isFalse();
      context.signal(fence);
      assertThat(received.await(SOON)).isTrue();
      assertThat(received.error()).isEmpty();
    }
  }

  @Test
  void fence_thatFailedBeforeItWasSent_hasFailedThere() throws InterruptedException {
    try (FenceContext context = FenceContext.create("work")) {
      Fence fence = context.newFence();
      context.fail(fence, new IllegalStateException("the device is gone"));
      here.send(fence);
      Fence received = fence(there.receive(SOON));
      assertThat(received.await(SOON)).isTrue();
      assertThat(received.error()).isPresent();
    }
  }

  @Test
  void fence_ofAPeerThatIsGone_isAbandoned() throws InterruptedException {
    try (FenceContext context = FenceContext.create("work")) {
      here.send(context.newFence());
      Fence received = fence(there.receive(SOON));
      there.close();
      assertThat(received.await(SOON)).isTrue();
      assertThat(received.error())
          .hasValueSatisfying(e -> assertThat(e).isInstanceOf(FenceAbandonedException.class));
    }
  }

  @Test
  void peer_isWhoTheKernelSays() {
    assertThat(here.peer().pid()).isEqualTo((int) ProcessHandle.current().pid());
    assertThat(here.toString()).contains("process " + here.peer().pid() + " of user ");
  }

  @Test
  void receive_ofAPeerThatIsSilent_endsAtTheDeadline_andMayBeTriedAgain()
      throws InterruptedException {
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(() -> here.receive(Duration.ofMillis(10)))
        .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.SILENT))
        .satisfies(e -> assertThat(e.errno()).contains(Errno.ETIME))
        .withMessageContaining("said nothing for PT0.01S");
    there.send(new byte[] {1});
    assertThat(here.receive(Duration.ZERO)).isInstanceOf(Received.Message.class);
  }

  @Test
  void receive_fromAPeerThatClosed_givesWhatItSaidBefore_thenSaysThatItIsGone()
      throws InterruptedException {
    there.send(new byte[] {1});
    there.close();
    assertThat(here.receive(SOON)).isInstanceOf(Received.Message.class);
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(() -> here.receive(SOON))
        .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.GONE));
    assertThat(here.isClosed()).isTrue();
    assertThatIllegalStateException().isThrownBy(() -> here.receive(SOON));
    assertThatIllegalStateException().isThrownBy(() -> here.send(new byte[1]));
  }

  @Test
  void send_toAPeerThatDoesNotRead_endsAtTheDeadline() {
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(
            () -> {
              while (true) {
                here.send(new byte[60_000], Duration.ofMillis(10));
              }
            })
        .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.BUSY));
  }

  @Test
  void receive_isInterruptible_onPlatformAndVirtualThreads() throws Exception {
    for (boolean isVirtual : new boolean[] {false, true}) {
      CompletableFuture<Throwable> ended = new CompletableFuture<>();
      Thread.Builder builder = isVirtual ? Thread.ofVirtual() : Thread.ofPlatform();
      Thread waiter =
          builder.start(
              () -> {
                try {
                  here.receive(SOON);
                  ended.complete(new AssertionError("received something"));
                } catch (InterruptedException | RuntimeException e) {
                  ended.complete(e);
                }
              });
      waiter.interrupt();
      assertThat(ended.get()).isInstanceOf(InterruptedException.class);
    }
  }

  @Test
  void close_wakesWhoWaits() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<?> waiting = threads.submit(() -> here.receive(SOON));
      here.close();
      assertThatThrownBy(waiting::get)
          .cause()
          .isInstanceOfAny(IllegalStateException.class, PeerException.class);
    }
  }

  @Test
  void bothSides_maySendAtOnce_fromManyThreads() throws Exception {
    int each = 50;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> senders = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        BufferConnection from = i % 2 == 0 ? here : there;
        senders.add(
            threads.submit(
                () -> {
                  for (int k = 0; k < each; k++) {
                    from.send(new byte[30_000]);
                  }
                  return null;
                }));
      }
      for (int k = 0; k < 2 * each; k++) {
        assertThat(here.receive(SOON)).isInstanceOf(Received.Message.class);
        assertThat(there.receive(SOON)).isInstanceOf(Received.Message.class);
      }
      for (Future<?> sender : senders) {
        sender.get();
      }
    }
  }
}
