package io.github.dmabuf4j.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Peer;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SocketMessage;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.BufferListener;
import io.github.dmabuf4j.device.sharing.PeerAddress;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it costs to hand a frame to another process and to have it back: as a token of a shared
 * queue, beside the bytes themselves through a Unix socket with one byte as the answer, and beside
 * the least that two processes can say to each other, a count in an eventfd each way.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar HandOverBenchmark
 * </pre>
 *
 * <p>One operation is one round, with one frame, so that both sides wait for each other; nobody
 * touches the frame. The partner is a JVM of its own. The size matters to the socket alone: for the
 * others it says that it doesn't. A ratio counts only between strategies of one run, on a machine
 * with two cores that nobody else uses.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@State(Scope.Benchmark)
@SuppressWarnings("NullAway.Init") // by JMH
public class HandOverBenchmark {
  /** Who hands over. */
  @Param({"dmabuf4j", "unix-socket", "eventfd"})
  public String strategy = "dmabuf4j";

  /** A megabyte, and a frame of 3840×2160 as 4:2:0. */
  @Param({"1048576", "12441600"})
  public long bytes = 1 << 20;

  private Path folder;
  private Process partner;
  private Side side;

  /** This process's side of a strategy. */
  private interface Side {
    /** Hands the frame over and has it back. */
    void round() throws Exception;

    /** Lets the partner end. */
    void finish() throws Exception;
  }

  /** Starts the other process. */
  @Setup(Level.Trial)
  public void begin() throws Exception {
    folder = Files.createTempDirectory("dmabuf4j-bench");
    Path address = folder.resolve("socket");
    side =
        switch (strategy) {
          case "dmabuf4j" -> new Ours(this, address);
          case "unix-socket" -> new Bytes(this, address);
          case "eventfd" -> new Counters(this, address);
          default -> throw new IllegalArgumentException(strategy);
        };
  }

  private void startPartner(Path address) throws IOException {
    partner = HandOverPartner.start(strategy, address, bytes);
  }

  /** Ends the other process. */
  @TearDown(Level.Trial)
  public void end() throws Exception {
    side.finish();
    HandOverPartner.end(partner);
    Files.deleteIfExists(folder.resolve("socket"));
    Files.delete(folder);
  }

  /** A frame there and back. */
  @Benchmark
  @Bar(
      row = "frame hand-over to another JVM, against a Unix socket carrying 1 MB",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = {"strategy=unix-socket", "bytes=1048576"}),
      atMost = 0.1)
  @Bar(
      row = "frame hand-over to another JVM: a 4K frame against 1 MiB",
      of = {"strategy=dmabuf4j", "bytes=12441600"},
      peers = @Peer(with = "bytes=1048576"),
      atMost = 1.2)
  @Bar(
      row = "frame hand-over to another JVM, against an eventfd each way",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=eventfd"),
      atMost = 4,
      stretch = 1.2)
  public void handOver() throws Exception {
    side.round();
  }

  // ---- ours ----

  private static final class Ours implements Side {
    private final Heap heap = Heaps.open("memfd:system?limit=64MiB");
    private final BufferProducer queue;

    Ours(HandOverBenchmark benchmark, Path address) throws Exception {
      try (DmaBuf frame = heap.allocate(benchmark.bytes);
          BufferListener listener = BufferListener.open(PeerAddress.of(address))) {
        benchmark.startPartner(address);
        queue =
            listener
                .accept(HandOverPartner.LIMIT)
                .offerQueue("bench", List.of(frame), Access.READ, HandOverPartner.LIMIT);
      }
    }

    @Override
    public void round() throws InterruptedException {
      BufferSlot slot = queue.dequeue(HandOverPartner.LIMIT); // it is back from the last round
      queue.queue(slot);
    }

    @Override
    public void finish() throws InterruptedException {
      queue.cancel(queue.dequeue(HandOverPartner.LIMIT));
      queue.end();
      queue.close();
      if (!heap.drain(HandOverPartner.LIMIT)) {
        throw new IllegalStateException("leaked: " + heap.info());
      }
    }
  }

  // ---- the bytes ----

  private static final class Bytes implements Side {
    private final SocketChannel channel;
    private final ByteBuffer all;
    private final ByteBuffer answer = ByteBuffer.allocateDirect(1);

    Bytes(HandOverBenchmark benchmark, Path address) throws IOException {
      all = ByteBuffer.allocateDirect(Math.toIntExact(benchmark.bytes));
      try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
        server.bind(UnixDomainSocketAddress.of(address));
        benchmark.startPartner(address);
        channel = server.accept();
      }
    }

    @Override
    public void round() throws IOException {
      all.clear();
      while (all.hasRemaining()) {
        channel.write(all);
      }
      HandOverPartner.readAll(channel, answer);
    }

    @Override
    public void finish() throws IOException {
      channel.close();
    }
  }

  // ---- the least ----

  /** Counters that block: the thread waits in the kernel, and nobody else is woken. */
  private static final class Counters implements Side {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment one = arena.allocateFrom(JAVA_LONG, 1);
    private final MemorySegment last = arena.allocateFrom(JAVA_LONG, 2);
    private final MemorySegment value = arena.allocate(JAVA_LONG);
    private final int there = eventfd();
    private final int back = eventfd();

    Counters(HandOverBenchmark benchmark, Path address) throws Exception {
      try (Descriptor listener = UnixSocket.create("bench")) {
        byte[] name = address.toString().getBytes(StandardCharsets.UTF_8);
        HandOverPartner.check(UnixSocket.bind(listener, name));
        HandOverPartner.check(UnixSocket.listen(listener));
        benchmark.startPartner(address);
        if (!Poller.ofThisProcess().await(listener, Poller.IN, HandOverPartner.LIMIT.toNanos())) {
          throw new IllegalStateException("the other process doesn't come");
        }
        int fd = UnixSocket.accept(listener);
        HandOverPartner.check(fd);
        try (Descriptor socket =
            DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.SOCKET, "bench", fd)) {
          HandOverPartner.check(new SocketMessage(arena, 1).send(socket, 1, there, back));
        }
      }
    }

    private static int eventfd() {
      int fd = Syscalls.eventfd(0, linux_h.EFD_CLOEXEC());
      HandOverPartner.check(fd);
      return fd;
    }

    private void round(MemorySegment count) {
      HandOverPartner.check(Syscalls.write(there, count));
      HandOverPartner.check(Syscalls.read(back, value));
    }

    @Override
    public void round() {
      round(one);
    }

    @Override
    public void finish() {
      round(last);
      HandOverPartner.check(Syscalls.close(there));
      HandOverPartner.check(Syscalls.close(back));
      arena.close();
    }
  }
}
