package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.device.PointFences;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Peers that don't keep to the protocol: each is a clear exception, ends its own connection alone,
 * and leaves nothing open (design rules DV5, DV6).
 */
final class HostilePeerTest {
  private static final Duration SOON = RawPeer.SOON;
  private static final int MESSAGE = FrameKind.MESSAGE.code;
  private static final int BUFFER = FrameKind.BUFFER.code;
  private static final int FENCE = FrameKind.FENCE.code;
  private static final int OFFER = FrameKind.OFFER.code;
  private static final int ACCEPT = FrameKind.ACCEPT.code;
  private static final int QUEUED = FrameKind.QUEUED.code;
  private static final int RELEASED = FrameKind.RELEASED.code;
  private static final int END = FrameKind.END.code;

  private OpenFiles before;
  private RawPeer peer;
  private Descriptor event;

  /** What the JVM opens for them stays open. */
  @BeforeAll
  static void openStrangeFiles() throws IOException {
    new StrangeFiles().close();
  }

  @BeforeEach
  void connect() {
    before = OpenFiles.now();
    peer = new RawPeer();
    event = EventCounter.create(Descriptor.Kind.FENCE, "test");
  }

  @AfterEach
  void nothingStaysOpen() {
    event.close();
    peer.close();
    before.assertSameSoon();
  }

  // ---- what a frame may be ----

  record Lie(String name, Problem problem, Consumer<HostilePeerTest> teller) {
    @Override
    public String toString() {
      return name + " is " + problem;
    }
  }

  private static Lie raw(String name, Problem problem, byte[] bytes) {
    return new Lie(name, problem, test -> test.peer.sendRaw(bytes));
  }

  private static Lie frame(String name, Problem problem, int kind, Consumer<ByteBuffer> content) {
    return new Lie(name, problem, test -> test.peer.send(kind, content));
  }

  private static Lie withEvent(
      String name, Problem problem, int kind, Consumer<ByteBuffer> content) {
    return new Lie(name, problem, test -> test.peer.send(kind, content, test.event.fd()));
  }

  private static byte[] header(int version, int kind, int length, int descriptors, long number) {
    return RawPeer.header(Frame.MAGIC, version, kind, length, descriptors, number);
  }

  /** Size, flags, an empty name. */
  private static Consumer<ByteBuffer> description(long size, int flags) {
    return content -> content.putLong(size).put((byte) flags).put((byte) 0);
  }

  private static Consumer<ByteBuffer> layout(int fourcc, int width, int planes) {
    return description(TestBuffers.BYTES, 2)
        .andThen(
            content -> {
              content.putInt(fourcc).putLong(0).put((byte) 0).put((byte) 0);
              content.putInt(0).putInt(0).putInt(width).putInt(8).putInt(width).putInt(8);
              content.put((byte) planes);
              for (int i = 0; i < planes; i++) {
                content.put((byte) 0).putLong(0).putInt(Math.max(1, width)).putLong(64);
              }
            });
  }

  static Stream<Lie> lies() {
    int gray = 'R' | '8' << 8 | ' ' << 16 | ' ' << 24;
    return Stream.of(
        raw("half a header", Problem.LENGTH, new byte[23]),
        raw("another protocol", Problem.HEADER, RawPeer.header(7, 1, MESSAGE, 0, 0, 1)),
        raw("another version", Problem.HEADER, header(2, MESSAGE, 0, 0, 1)),
        raw("kind 0", Problem.KIND, header(1, 0, 0, 0, 1)),
        raw("an unknown kind", Problem.KIND, header(1, 99, 0, 0, 1)),
        raw("more content than there is", Problem.LENGTH, header(1, MESSAGE, 5, 0, 1)),
        raw("a negative length", Problem.LENGTH, header(1, MESSAGE, -1, 0, 1)),
        raw("the largest length", Problem.LENGTH, header(1, MESSAGE, Integer.MAX_VALUE, 0, 1)),
        raw("a frame that is too long", Problem.LENGTH, new byte[Frame.MAX_BYTES + 1]),
        raw("frame 2 first", Problem.SEQUENCE, header(1, MESSAGE, 0, 0, 2)),
        raw("frame 0", Problem.SEQUENCE, header(1, MESSAGE, 0, 0, 0)),
        raw("a descriptor that didn't come", Problem.DESCRIPTORS, header(1, MESSAGE, 0, 1, 1)),
        raw("a negative number of descriptors", Problem.DESCRIPTORS, header(1, MESSAGE, 0, -1, 1)),
        raw("a buffer that is too short", Problem.LENGTH, header(1, BUFFER, 0, 0, 1)),
        withEvent("a message with a descriptor", Problem.DESCRIPTORS, MESSAGE, content -> {}),
        frame("a buffer without memory", Problem.DESCRIPTORS, BUFFER, description(4096, 0)),
        frame("a fence without one", Problem.DESCRIPTORS, FENCE, content -> content.putInt(1)),
        withEvent("a buffer of no bytes", Problem.CONTENT, BUFFER, description(0, 0)),
        withEvent("a buffer of negative size", Problem.CONTENT, BUFFER, description(-4096, 0)),
        withEvent("unknown flags", Problem.CONTENT, BUFFER, description(4096, 4)),
        withEvent(
            "a name beyond the end",
            Problem.LENGTH,
            BUFFER,
            content -> content.putLong(4096).put((byte) 0).put((byte) 200).put((byte) 'x')),
        withEvent(
            "bytes behind the end",
            Problem.LENGTH,
            BUFFER,
            description(4096, 0).andThen(content -> content.put((byte) 1))),
        withEvent("half a layout", Problem.LENGTH, BUFFER, description(4096, 2)),
        withEvent("an unknown format", Problem.CONTENT, BUFFER, layout(0x12345678, 8, 1)),
        withEvent("no planes", Problem.CONTENT, BUFFER, layout(gray, 8, 0)),
        withEvent("too many planes", Problem.CONTENT, BUFFER, layout(gray, 8, 5)),
        withEvent("planes that don't fit", Problem.CONTENT, BUFFER, layout(gray, 8, 2)),
        withEvent("a width of 0", Problem.CONTENT, BUFFER, layout(gray, 0, 1)),
        withEvent("a negative width", Problem.CONTENT, BUFFER, layout(gray, -8, 1)),
        withEvent("a huge width", Problem.CONTENT, BUFFER, layout(gray, Integer.MAX_VALUE, 1)),
        withEvent("an eventfd as memory", Problem.MEMORY, BUFFER, description(4096, 0)),
        withEvent("fence form 0", Problem.DESCRIPTORS, FENCE, content -> content.putInt(0)),
        withEvent("a point by itself", Problem.DESCRIPTORS, FENCE, content -> content.putInt(4)),
        withEvent("a timeline by itself", Problem.DESCRIPTORS, FENCE, content -> content.putInt(3)),
        withEvent("fence form 9", Problem.CONTENT, FENCE, content -> content.putInt(9)),
        withEvent("an eventfd as sync_file", Problem.FENCE, FENCE, content -> content.putInt(2)),
        frame("the end of a queue", Problem.KIND, END, content -> {}),
        frame("an acceptance of nothing", Problem.KIND, ACCEPT, content -> {}),
        withEvent(
            "the offer of a queue",
            Problem.KIND,
            OFFER,
            content -> content.put((byte) 0).putInt(1)),
        frame(
            "a token of no queue",
            Problem.KIND,
            QUEUED,
            content -> content.putInt(0).putLong(1).putInt(0)));
  }

  @ParameterizedTest
  @MethodSource("lies")
  void lie_isNamed_andEndsTheConnection(Lie lie) {
    lie.teller.accept(this);
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(() -> peer.connection.receive(SOON))
        .satisfies(e -> assertThat(e.problem()).isEqualTo(lie.problem))
        .withMessageContaining("process " + ProcessHandle.current().pid());
    assertThat(peer.connection.isClosed()).isTrue();
  }

  @Test
  void tooManyDescriptors_areClosed() {
    int[] most = IntStream.generate(event::fd).limit(253).toArray();
    peer.send(MESSAGE, content -> {}, most);
    assertProblem(Problem.DESCRIPTORS);
  }

  private void assertProblem(Problem problem) {
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(() -> peer.connection.receive(SOON))
        .satisfies(e -> assertThat(e.problem()).isEqualTo(problem));
  }

  @Test
  void frame_thatCameTwice_isRefused() throws InterruptedException {
    byte[] frame = header(1, MESSAGE, 0, 0, 1);
    peer.sendRaw(frame);
    peer.sendRaw(frame);
    assertThat(peer.connection.receive(SOON)).isInstanceOf(Received.Message.class);
    assertProblem(Problem.SEQUENCE);
  }

  // ---- what memory and fences may be ----

  @Test
  void files_thatAreNoMemoryToShare_areRefused_andClosed() throws Exception {
    try (StrangeFiles files = new StrangeFiles()) {
      for (Map.Entry<String, Integer> file : files.all().entrySet()) {
        try (RawPeer one = new RawPeer()) {
          one.send(BUFFER, description(TestBuffers.BYTES, 1), file.getValue());
          assertThatExceptionOfType(PeerException.class)
              .as(file.getKey())
              .isThrownBy(() -> one.connection.receive(SOON))
              .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.MEMORY));
        }
      }
    }
  }

  @Test
  void files_thatAreNoFences_areRefused_andClosed() throws Exception {
    try (StrangeFiles files = new StrangeFiles()) {
      for (Map.Entry<String, Integer> file : files.all().entrySet()) {
        for (int form = 1; form <= 2; form++) {
          if (form == 1 && file.getKey().equals("an eventfd")) {
            continue;
          }
          int said = form;
          try (RawPeer one = new RawPeer()) {
            one.send(FENCE, content -> content.putInt(said), file.getValue());
            assertThatExceptionOfType(PeerException.class)
                .as("%s as form %d", file.getKey(), form)
                .isThrownBy(() -> one.connection.receive(SOON))
                .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.FENCE));
          }
        }
      }
    }
  }

  @Test
  void memory_thatWasTaken_canNotBeShrunkByThePeer_soThatReadingNeverFaults() throws Exception {
    int fd = StrangeFiles.memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_SHRINK());
    try {
      peer.send(BUFFER, description(TestBuffers.BYTES, 1), fd);
      Received received = peer.connection.receive(SOON);
      try (DmaBuf buffer = ((Received.Buffer) received).buffer()) {
        assertThat(Syscalls.ftruncate(fd, 0)).isEqualTo(-linux_h.EPERM());
        assertThat(
                buffer.<Byte, RuntimeException>read(
                    bytes -> bytes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 65535)))
            .isZero();
      }
    } finally {
      int _ = Syscalls.close(fd);
    }
  }

  // ---- silence and death ----

  @Test
  void silence_insteadOfAnOffer_endsAtTheDeadline() {
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(() -> peer.connection.awaitQueue(Duration.ofMillis(10)))
        .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.SILENT));
    assertThat(peer.connection.isClosed()).isTrue();
  }

  @Test
  void silence_insteadOfAnAnswer_endsAtTheDeadline() {
    List<DmaBuf> buffers = TestBuffers.allocate(2);
    try {
      assertThatExceptionOfType(PeerException.class)
          .isThrownBy(
              () -> peer.connection.offerQueue("q", buffers, Access.READ, Duration.ofMillis(10)))
          .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.SILENT));
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }

  @Test
  void death_withAFrameOnItsWay_isTheEnd_afterTheFrame() throws InterruptedException {
    peer.sendRaw(header(1, MESSAGE, 0, 0, 1));
    peer.socket().close();
    assertThat(peer.connection.receive(SOON)).isInstanceOf(Received.Message.class);
    assertProblem(Problem.GONE);
  }

  // ---- queues ----

  private Consumer<ByteBuffer> token(int slot, long turn, int fence) {
    return content -> content.putInt(slot).putLong(turn).putInt(fence);
  }

  /** A consumer whose producer is the raw peer, with two buffers. */
  private BufferConsumer consumer() throws Exception {
    int[] memory = {
      StrangeFiles.memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_SHRINK()),
      StrangeFiles.memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_SHRINK())
    };
    try {
      peer.send(
          OFFER,
          content -> {
            content.put((byte) 1).put((byte) 'q').putInt(2);
            description(TestBuffers.BYTES, 1).accept(content);
            description(TestBuffers.BYTES, 1).accept(content);
          },
          memory);
    } finally {
      for (int fd : memory) {
        int _ = Syscalls.close(fd);
      }
    }
    BufferConsumer consumer = peer.connection.awaitQueue(SOON);
    assertThat(peer.receiveKind()).isEqualTo(ACCEPT);
    return consumer;
  }

  private void assertConsumerFails(Problem problem, Runnable lie) throws Exception {
    try (BufferConsumer consumer = consumer()) {
      lie.run();
      List<BufferSlot> held = new ArrayList<>();
      assertThatExceptionOfType(PeerException.class)
          .isThrownBy(
              () -> {
                while (true) {
                  consumer.acquire(SOON).ifPresent(held::add);
                }
              })
          .satisfies(e -> assertThat(e.problem()).isEqualTo(problem));
      held.forEach(consumer::release);
    }
  }

  @Test
  void token_ofASlotThatDoesNotExist_isRefused() throws Exception {
    assertConsumerFails(Problem.TOKEN, () -> peer.send(QUEUED, token(2, 1, 0)));
  }

  @Test
  void token_ofANegativeSlot_isRefused() throws Exception {
    assertConsumerFails(Problem.TOKEN, () -> peer.send(QUEUED, token(-1, 1, 0)));
  }

  @Test
  void token_ofAnotherTurn_isRefused() throws Exception {
    assertConsumerFails(Problem.TOKEN, () -> peer.send(QUEUED, token(0, 2, 0)));
  }

  @Test
  void token_ofASlotThatTheConsumerHas_isRefused() throws Exception {
    assertConsumerFails(
        Problem.TOKEN,
        () -> {
          peer.send(QUEUED, token(0, 1, 0));
          peer.send(QUEUED, token(0, 2, 0));
        });
  }

  @Test
  void token_afterTheEnd_isRefused() throws Exception {
    assertConsumerFails(
        Problem.TOKEN,
        () -> {
          peer.send(END, content -> {});
          peer.send(QUEUED, token(0, 1, 0));
          assertThat(peer.receiveKind()).isNotPositive();
        });
  }

  @Test
  void token_withAFenceThatIsMissing_isRefused() throws Exception {
    assertConsumerFails(Problem.DESCRIPTORS, () -> peer.send(QUEUED, token(0, 1, 1)));
  }

  @Test
  void token_withAFenceThatIsNone_isRefused() throws Exception {
    assertConsumerFails(Problem.FENCE, () -> peer.send(QUEUED, token(0, 1, 2), event.fd()));
  }

  private Consumer<ByteBuffer> pointToken(int form, int timeline, long point) {
    return token(0, 1, form).andThen(content -> content.putInt(timeline).putLong(point));
  }

  /** Where there is no render node this process has said so; elsewhere the point is looked at. */
  private static Problem ofPoints() {
    return PointFences.areAvailable() ? Problem.FENCE : Problem.CONTENT;
  }

  @Test
  void token_withAPointOfNoTimeline_isRefused() throws Exception {
    assertConsumerFails(ofPoints(), () -> peer.send(QUEUED, pointToken(4, 0, 1)));
  }

  @Test
  void token_withATimelineThatIsNone_isRefused_andClosed() throws Exception {
    assertConsumerFails(
        ofPoints(), () -> peer.send(QUEUED, pointToken(3, 0, 1), event.fd(), event.fd()));
  }

  @Test
  void token_withHalfATimeline_isRefused() throws Exception {
    assertConsumerFails(
        Problem.DESCRIPTORS, () -> peer.send(QUEUED, pointToken(3, 0, 1), event.fd()));
  }

  @Test
  void token_withADescriptorTooManyForItsPoint_isRefused() throws Exception {
    assertConsumerFails(
        Problem.DESCRIPTORS, () -> peer.send(QUEUED, pointToken(4, 0, 1), event.fd()));
  }

  @Test
  void token_withHalfAPoint_isRefused() throws Exception {
    assertConsumerFails(Problem.LENGTH, () -> peer.send(QUEUED, token(0, 1, 4)));
  }

  @Test
  void token_withAPointThatItsFormHasNot_isRefused() throws Exception {
    assertConsumerFails(Problem.LENGTH, () -> peer.send(QUEUED, pointToken(0, 0, 1)));
  }

  @Test
  void consumersFrame_fromTheProducer_isRefused() throws Exception {
    assertConsumerFails(Problem.KIND, () -> peer.send(RELEASED, token(0, 1, 0)));
  }

  @Test
  void offer_ofTheSameMemoryTwice_orOfMoreThanCame_isRefused() throws Exception {
    int fd = StrangeFiles.memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_SHRINK());
    try {
      peer.send(
          OFFER,
          content -> {
            content.put((byte) 0).putInt(3);
            description(TestBuffers.BYTES, 1).accept(content);
          },
          fd);
      assertThatExceptionOfType(PeerException.class)
          .isThrownBy(() -> peer.connection.awaitQueue(SOON))
          .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.DESCRIPTORS));
    } finally {
      int _ = Syscalls.close(fd);
    }
  }

  /** A producer whose consumer is the raw peer, with two buffers. */
  private BufferProducer producer() throws Exception {
    List<DmaBuf> buffers = TestBuffers.allocate(2);
    peer.send(ACCEPT, content -> {});
    try {
      BufferProducer producer = peer.connection.offerQueue("q", buffers, Access.READ, SOON);
      assertThat(peer.receiveKind()).isEqualTo(OFFER);
      return producer;
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }

  private void assertProducerFails(Problem problem, Runnable lie) throws Exception {
    try (BufferProducer producer = producer()) {
      BufferSlot sent = producer.dequeue(SOON);
      assertThat(sent.index()).isZero();
      producer.queue(sent);
      lie.run();
      List<BufferSlot> held = new ArrayList<>();
      assertThatExceptionOfType(PeerException.class)
          .isThrownBy(
              () -> {
                while (true) { // what comes is looked at when nothing is free
                  held.add(producer.dequeue(SOON));
                }
              })
          .satisfies(e -> assertThat(e.problem()).isEqualTo(problem));
      held.forEach(producer::cancel);
    }
  }

  @Test
  void release_ofABufferThatWasNotSent_isRefused() throws Exception {
    assertProducerFails(Problem.TOKEN, () -> peer.send(RELEASED, token(1, 0, 0)));
  }

  @Test
  void release_ofAnotherTurn_isRefused() throws Exception {
    assertProducerFails(Problem.TOKEN, () -> peer.send(RELEASED, token(0, 2, 0)));
  }

  @Test
  void release_twice_isRefused() throws Exception {
    assertProducerFails(
        Problem.TOKEN,
        () -> {
          peer.send(RELEASED, token(0, 1, 0));
          peer.send(RELEASED, token(0, 1, 0));
        });
  }

  @Test
  void producersFrame_fromTheConsumer_isRefused() throws Exception {
    assertProducerFails(Problem.KIND, () -> peer.send(END, content -> {}));
  }

  @Test
  void answer_thatIsNone_isRefused() {
    List<DmaBuf> buffers = new ArrayList<>(TestBuffers.allocate(2));
    peer.send(MESSAGE, content -> {});
    try {
      assertThatExceptionOfType(PeerException.class)
          .isThrownBy(() -> peer.connection.offerQueue("q", buffers, Access.READ, SOON))
          .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.KIND));
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }

  // ---- others ----

  @Test
  void otherPeers_areUnharmed() throws Exception {
    List<BufferConnection> pair = BufferConnection.pair();
    List<DmaBuf> buffers = TestBuffers.allocate(2);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<BufferProducer> offered =
          threads.submit(() -> pair.getFirst().offerQueue("q", buffers, Access.READ, SOON));
      try (BufferConsumer consumer = pair.getLast().awaitQueue(SOON);
          BufferProducer producer = offered.get()) {
        for (int i = 0; i < 20; i++) {
          producer.queue(producer.dequeue(SOON));
          try (RawPeer hostile = new RawPeer()) {
            hostile.sendRaw(new byte[40]);
            assertThatExceptionOfType(PeerException.class)
                .isThrownBy(() -> hostile.connection.receive(SOON));
          }
          consumer.release(consumer.acquire(SOON).orElseThrow());
        }
      }
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }
}
