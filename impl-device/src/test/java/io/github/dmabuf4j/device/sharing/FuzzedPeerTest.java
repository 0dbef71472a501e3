package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.NothingQueuedException;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.device.KernelTimeline;
import io.github.dmabuf4j.device.PointFences;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Peers that send frames which are almost right: whatever comes is a result or a named problem, and
 * nothing stays open. {@code -Ddmabuf4j.fuzz.messages} says how many frames, {@code
 * -Ddmabuf4j.fuzz.seed} which; the seed of a run is printed.
 */
final class FuzzedPeerTest {
  private static final int MESSAGES = Integer.getInteger("dmabuf4j.fuzz.messages", 10_000);
  private static final long SEED =
      Long.getLong("dmabuf4j.fuzz.seed", System.nanoTime() & 0xffffffffL);
  private static final int FRAMES_PER_PEER = 8;
  private static final int SLOTS = 2;

  private final Random random = new Random(SEED);
  private final Map<Problem, Integer> problems = new EnumMap<>(Problem.class);
  private int sent;
  private int results;

  @Test
  void frames_thatAreAlmostRight_areResultsOrNamedProblems_andLeaveNothingOpen() throws Exception {
    System.getLogger(FuzzedPeerTest.class.getName())
        .log(System.Logger.Level.INFO, "-Ddmabuf4j.fuzz.seed={0}", Long.toString(SEED));
    new StrangeFiles().close(); // what the JVM opens for them stays open
    OpenFiles before = OpenFiles.now();
    try (StrangeFiles files = new StrangeFiles();
        OwnedFd timeline = timeline()) {
      List<Integer> descriptors = new ArrayList<>(files.descriptorsOfAll());
      descriptors.add(timeline.fd());
      descriptors.add(
          StrangeFiles.memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_SHRINK())); // a good one
      try {
        while (sent < MESSAGES) {
          try (RawPeer peer = new RawPeer()) {
            switch (random.nextInt(3)) {
              case 0 -> receive(peer, descriptors);
              case 1 -> consume(peer, descriptors);
              default -> produce(peer, descriptors);
            }
          } catch (PeerException e) {
            problems.merge(e.problem(), 1, Integer::sum);
          } catch (RuntimeException | Error e) {
            throw new AssertionError("seed %d, after %d frames".formatted(SEED, sent), e);
          }
        }
      } finally {
        int _ = Syscalls.close(descriptors.getLast());
      }
    }
    before.assertSameSoon();
    assertThat(results).isPositive();
    assertThat(problems.keySet())
        .contains(
            Problem.HEADER,
            Problem.KIND,
            Problem.LENGTH,
            Problem.SEQUENCE,
            Problem.DESCRIPTORS,
            Problem.MEMORY,
            Problem.CONTENT);
  }

  /** A syncobj where there are some, else an event. */
  private static OwnedFd timeline() {
    try (KernelTimeline timeline =
        PointFences.areAvailable() ? KernelTimeline.create("fuzz") : null) {
      return timeline == null
          ? EventCounter.create(Descriptor.Kind.FENCE, "fuzz")
          : timeline.exportFd();
    }
  }

  // ---- who listens ----

  private void receive(RawPeer peer, List<Integer> descriptors) throws InterruptedException {
    for (int i = 1; i <= FRAMES_PER_PEER; i++) {
      send(peer, i, 1 + random.nextInt(3), descriptors);
      if (peer.connection.receive(Duration.ZERO) instanceof Received.Buffer received) {
        received.buffer().close();
      }
      results++;
    }
  }

  private void consume(RawPeer peer, List<Integer> descriptors) throws InterruptedException {
    int good = descriptors.getLast();
    if (random.nextInt(4) == 0) {
      send(peer, 1, FrameKind.OFFER.code, descriptors);
    } else {
      peer.send(
          FrameKind.OFFER.code,
          content -> {
            new QueueOffer(
                    random.nextInt(2), "q", List.of(new BufferDescription(4096, true, "b", null)))
                .write(content);
          },
          good);
    }
    try (BufferConsumer consumer = peer.connection.awaitQueue(Duration.ZERO)) {
      List<BufferSlot> held = new ArrayList<>();
      try {
        for (int i = 2; i <= FRAMES_PER_PEER; i++) {
          send(
              peer,
              i,
              random.nextInt(3) == 0 ? FrameKind.END.code : FrameKind.QUEUED.code,
              descriptors);
          consumer.acquire(Duration.ofMillis(1)).ifPresent(held::add);
          results++;
        }
      } catch (NothingQueuedException e) {
        results++;
      } finally {
        held.forEach(consumer::release);
      }
    }
  }

  private void produce(RawPeer peer, List<Integer> descriptors) throws InterruptedException {
    List<DmaBuf> buffers = TestBuffers.allocate(SLOTS);
    boolean isGood = random.nextInt(4) != 0;
    if (isGood) {
      int abilities = random.nextInt(2);
      peer.send(FrameKind.ACCEPT.code, content -> PeerFences.writeAbilities(content, abilities));
    } else {
      send(peer, 1, FrameKind.ACCEPT.code, descriptors);
    }
    try (BufferProducer producer =
        peer.connection.offerQueue("q", buffers, Access.READ, Duration.ZERO)) {
      for (int i = 2; i <= FRAMES_PER_PEER; i++) {
        producer.queue(producer.dequeue(Duration.ofMillis(1)));
        send(peer, i, FrameKind.RELEASED.code, descriptors);
        results++;
      }
    } catch (OutOfBuffersException e) {
      results++;
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }

  // ---- what is sent ----

  /** A frame of that kind, as it should be or with something wrong. */
  private void send(RawPeer peer, long sequence, int kind, List<Integer> descriptors) {
    sent++;
    ByteBuffer frame = ByteBuffer.allocate(Frame.MAX_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    frame.position(Frame.HEADER_BYTES);
    writeContent(frame, kind);
    int[] sentAlong = descriptorsFor(kind, descriptors);
    int length = frame.position();
    if (random.nextInt(6) == 0) {
      length = Math.max(1, length + random.nextInt(-20, 20));
    }
    int content = random.nextInt(12) == 0 ? random.nextInt() : length - Frame.HEADER_BYTES;
    int count = random.nextInt(12) == 0 ? random.nextInt(-1, 5) : sentAlong.length;
    long number = random.nextInt(12) == 0 ? random.nextLong(4) : sequence;
    int said = random.nextInt(12) == 0 ? random.nextInt(-1, 12) : kind;
    byte[] bytes = new byte[length];
    ByteBuffer header = ByteBuffer.allocate(Frame.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    Frame.writeHeader(header, FrameKind.MESSAGE, content, count, number);
    header.putShort(6, (short) said);
    frame.put(0, header.array());
    frame.get(0, bytes);
    for (int flips = random.nextInt(4) == 0 ? random.nextInt(1, 4) : 0; flips > 0; flips--) {
      bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
    }
    int result = peer.trySendRaw(bytes, sentAlong);
    assertThat(result).isIn(bytes.length, -linux_h.EPIPE(), -linux_h.ECONNRESET());
  }

  private void writeContent(ByteBuffer into, int kind) {
    switch (FrameKind.of(kind).orElseThrow()) {
      case MESSAGE -> into.put(new byte[random.nextInt(100)]);
      case BUFFER -> description().write(into);
      case FENCE -> into.putInt(random.nextInt(4));
      case OFFER ->
          new QueueOffer(
                  random.nextInt(3),
                  "q",
                  List.of(description(), description()).subList(0, random.nextInt(3)))
              .write(into);
      case QUEUED, RELEASED -> writeToken(into);
      case ACCEPT -> PeerFences.writeAbilities(into, random.nextInt(3));
      case END -> {}
    }
  }

  private void writeToken(ByteBuffer into) {
    int form = random.nextInt(6);
    into.putInt(random.nextInt(-1, SLOTS + 1)).putLong(random.nextInt(4)).putInt(form);
    if (form == FenceForm.POINT.code || form == FenceForm.POINT_OF_NEW_TIMELINE.code) {
      into.putInt(random.nextInt(-1, 3)).putLong(random.nextInt(-1, 4));
    }
  }

  private BufferDescription description() {
    FrameLayout layout =
        random.nextBoolean() ? null : FrameLayout.of(PixelFormat.I420, 1 + random.nextInt(300), 7);
    return new BufferDescription(
        random.nextInt(8) == 0 ? random.nextLong() : TestBuffers.BYTES,
        random.nextBoolean(),
        "b".repeat(random.nextInt(20)),
        layout);
  }

  private int[] descriptorsFor(int kind, List<Integer> descriptors) {
    boolean isOne = kind == FrameKind.BUFFER.code || kind == FrameKind.FENCE.code;
    int count = random.nextInt(6) == 0 ? random.nextInt(5) : isOne ? 1 : random.nextInt(3);
    int[] chosen = new int[count];
    for (int i = 0; i < count; i++) {
      chosen[i] =
          random.nextBoolean()
              ? descriptors.getLast()
              : descriptors.get(random.nextInt(descriptors.size()));
    }
    return chosen;
  }
}
