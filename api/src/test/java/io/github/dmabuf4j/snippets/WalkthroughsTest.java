package io.github.dmabuf4j.snippets;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.CpuAccess;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Runs the walk-throughs of the package documentation, all but the one that needs a GPU. */
final class WalkthroughsTest {
  private final Heap heap = new TestHeap(HeapUri.parse("offheap:system"));

  /** An exporter whose bytes can be somewhere else after a move. */
  private static final class Movable implements Exporter, MappedBytes {
    private MemorySegment memory = Arena.ofAuto().allocate(4096);
    private int released;

    void move() {
      MemorySegment elsewhere = Arena.ofAuto().allocate(4096);
      elsewhere.copyFrom(memory);
      memory.fill((byte) 0xDE);
      memory = elsewhere;
    }

    @Override
    public String name() {
      return "movable";
    }

    @Override
    public MappedBytes vmap() {
      return this;
    }

    @Override
    public MemorySegment segment(long byteSize) {
      return memory.asSlice(0, byteSize);
    }

    @Override
    public MemorySegment segment(long byteSize, Arena arena) {
      return memory.asSlice(0, byteSize).reinterpret(arena, null);
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      return ScatterList.of(memory);
    }

    @Override
    public boolean evict() {
      return true;
    }

    @Override
    public void release() {
      released++;
    }
  }

  @Test
  void open_findsAHeapAndUsesABuffer() throws InterruptedException {
    assertThat(Walkthroughs.open()).isEqualTo(42);
  }

  @Test
  void lockAll_holdsBoth() throws InterruptedException {
    try (DmaBuf a = heap.allocate(64);
        DmaBuf b = heap.allocate(64)) {
      assertThat(Walkthroughs.lockAll(a, b)).isTrue();
      assertThat(Walkthroughs.lockAll(b, a)).isTrue();
      assertThat(a.reservation().isLocked()).isFalse();
    }
  }

  @Test
  void importer_waitsForOthers_followsMoves_andIsWaitedFor() throws Exception {
    Movable memory = new Movable();
    BufferObject object = new BufferObject(memory);
    try (ExecutorService device = Executors.newSingleThreadExecutor();
        DmaBuf buffer = object.export(4096, "frame", null);
        ExampleImporter importer = new ExampleImporter(buffer, device);
        CpuAccess _ = buffer.beginCpuAccess(Access.READ)) {
      Fence first = importer.fill((byte) 1);
      Fence second = importer.fill((byte) 2);
      assertThat(buffer.<Byte, RuntimeException>read(bytes -> bytes.get(JAVA_BYTE, 4095)))
          .isEqualTo((byte) 2);
      assertThat(first.isSignaled() && second.isSignaled()).isTrue();
    }
    assertThat(memory.released).isEqualTo(1);
    try (ExecutorService device = Executors.newSingleThreadExecutor();
        DmaBuf buffer = object.export(4096, "frame", null);
        ExampleImporter importer = new ExampleImporter(buffer, device)) {
      importer.fill((byte) 3).await();
      assertThat(Walkthroughs.migrate(object, memory::move)).isTrue();
      importer.fill((byte) 4);
      assertThat(buffer.<Byte, RuntimeException>read(bytes -> bytes.get(JAVA_BYTE, 0)))
          .isEqualTo((byte) 4);
    }
    assertThat(memory.released).isEqualTo(2);
  }

  @Test
  void job_copies() throws InterruptedException {
    try (DmaBuf a = heap.allocate(64);
        DmaBuf b = heap.allocate(64)) {
      a.write(segment -> segment.set(JAVA_BYTE, 63, (byte) 7));
      Walkthroughs.job(a, b);
      assertThat(b.<Byte, RuntimeException>read(segment -> segment.get(JAVA_BYTE, 63)))
          .isEqualTo((byte) 7);
    }
  }

  @Test
  void decode_handsTheFrameOn_whileTheCodecKeepsItsHold() throws Exception {
    Walkthroughs.DecodeTarget target = Walkthroughs.startFrame(heap);
    try (ExecutorService pool = Executors.newFixedThreadPool(2);
        DmaBuf frame = target.buffer().dup();
        DmaBuf filtered = heap.allocate(frame.size())) {
      assertThat(frame.name()).isEqualTo("decoded");
      target.bytes().segment().fill((byte) 33); // what the codec does, natively
      Walkthroughs.frameDecoded(target, filtered, pool)
          .toCompletableFuture()
          .get(60, TimeUnit.SECONDS);
      assertThat(filtered.<Byte, RuntimeException>read(segment -> segment.get(JAVA_BYTE, 7)))
          .isEqualTo((byte) 33);
      assertThat(frame.info().holds()).as("the codec's").isEqualTo(1);
      Walkthroughs.releaseFrame(target);
      assertThat(frame.info().holds()).isZero();
    }
  }

  @Test
  void filter_runsItsTilesOnSeveralThreads() throws Exception {
    try (ExecutorService pool = Executors.newFixedThreadPool(3);
        DmaBuf picture = heap.allocate(64);
        DmaBuf edges = heap.allocate(64)) {
      picture.write(segment -> segment.fill((byte) 5));
      Walkthroughs.filter(picture, edges, 8, pool).toCompletableFuture().get(60, TimeUnit.SECONDS);
      edges.read(
          segment -> {
            for (int tile = 0; tile < 8; tile++) {
              assertThat(segment.get(JAVA_BYTE, tile)).isEqualTo((byte) 5);
            }
            return 0;
          });
    }
  }

  @Test
  void migrate_passesByAReader_andReadersFindTheBytesAfterwards() throws InterruptedException {
    Movable memory = new Movable();
    BufferObject object = new BufferObject(memory);
    AtomicInteger moves = new AtomicInteger();
    Runnable move =
        () -> {
          moves.incrementAndGet();
          memory.move();
        };
    try (DmaBuf buffer = object.export(64, null, null)) {
      buffer.write(segment -> segment.fill((byte) 9));
      try (Hold hold = buffer.hold()) {
        assertThat(Walkthroughs.migrate(object, move)).isFalse();
        assertThat(hold.segment().get(JAVA_BYTE, 0)).isEqualTo((byte) 9);
      }
      assertThat(Walkthroughs.migrate(object, move)).isTrue();
      assertThat(moves).hasValue(1);
      assertThat(Walkthroughs.firstByte(buffer)).isEqualTo((byte) 9);
    }
    assertThat(memory.released).isEqualTo(1);
  }

  @Test
  void evict_passesByABracket() throws InterruptedException {
    Movable memory = new Movable();
    BufferObject object = new BufferObject(memory);
    try (DmaBuf buffer = object.export(64, null, null)) {
      Reservation reservation = buffer.reservation();
      reservation.lock();
      assertThat(buffer.advise(Advice.DONT_NEED)).isTrue();
      reservation.unlock();
      try (CpuAccess access = buffer.beginCpuAccess(Access.READ)) {
        assertThat(Walkthroughs.tryPurge(object)).isFalse();
        assertThat(access.segment().byteSize()).isEqualTo(64);
      }
      assertThat(Walkthroughs.tryPurge(object)).isTrue();
      assertThat(buffer.info().residency()).isEqualTo(BufferObject.Residency.PURGED);
    }
  }

  @Test
  void advise_givesBackWhatWasOffered_orDrawsItAgain() {
    BufferObject object = new BufferObject(new Movable());
    BufferObject other = new BufferObject(new Movable());
    DmaBuf picture = object.export(64, null, null);
    Walkthroughs.offer(picture);
    assertThat(Walkthroughs.take(picture, () -> other.export(64, null, null))).isSameAs(picture);
    assertThat(Walkthroughs.tryPurge(object)).as("needed again").isFalse();
    Walkthroughs.offer(picture);
    assertThat(Walkthroughs.tryPurge(object)).isTrue();
    try (DmaBuf again = Walkthroughs.take(picture, () -> other.export(64, null, null))) {
      assertThat(again).isNotSameAs(picture);
      assertThat(object.isReferenced()).isFalse();
    }
  }

  @Test
  void foreign_silenceIsGivenUp() throws InterruptedException {
    try (DmaBuf buffer = heap.allocate(64)) {
      FenceContext device =
          FenceContext.builder("render").driverName("gpu").foreign(Duration.ofMillis(5)).build();
      Fence rendered = device.newFence();
      Reservation reservation = buffer.reservation();
      reservation.lock();
      reservation.reserve(1);
      reservation.add(rendered, FenceUsage.WRITE);
      reservation.unlock();
      assertThat(Walkthroughs.readWhenRendered(buffer, device, rendered))
          .as("failed: given up")
          .isTrue();
      assertThat(rendered.status()).isEqualTo(Fence.Status.FAILED);
      assertThat(Walkthroughs.readWhenRendered(buffer, device, rendered)).isTrue();
    }
  }

  @Test
  void eventLoop_echoes() throws Exception {
    try (ExecutorService eventLoop = Executors.newSingleThreadExecutor()) {
      Walkthroughs.echo(heap, 64, eventLoop).get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void queue_handsFramesOnBeforeTheyAreFilled_andBackBeforeTheyAreRead() throws Exception {
    BlockingQueue<Byte> read = new LinkedBlockingQueue<>();
    try (ExecutorService decoder = Executors.newFixedThreadPool(2);
        ExecutorService encoder = Executors.newSingleThreadExecutor();
        ExecutorService stages = Executors.newVirtualThreadPerTaskExecutor();
        BufferQueue queue =
            BufferQueue.named("frames")
                .producer("decoder")
                .consumer("encoder")
                .allocate(heap, AllocationRequest.of(64).build(), 3)) {
      Future<?> produced =
          stages.submit(
              () -> {
                Walkthroughs.fillAll(queue, 50, decoder);
                return true;
              });
      Future<?> consumed =
          stages.submit(
              () -> {
                Walkthroughs.readAll(queue, bytes -> read.add(bytes.get(JAVA_BYTE, 63)), encoder);
                return true;
              });
      produced.get(60, TimeUnit.SECONDS);
      consumed.get(60, TimeUnit.SECONDS);
      Set<Byte> frames = new HashSet<>();
      for (int i = 0; i < 50; i++) {
        assertThat(frames.add(read.poll(60, TimeUnit.SECONDS))).as("each frame once").isTrue();
      }
      assertThat(frames).allMatch(frame -> frame >= 0 && frame < 50);
    }
  }

  @Test
  void request_isWhatTheDecoderAsksFor() {
    assertThat(Walkthroughs.FRAME.content()).isEqualTo(AllocationRequest.Content.UNINITIALIZED);
    assertThat(Walkthroughs.FRAME.size())
        .isEqualTo(Walkthroughs.FRAME.layout().orElseThrow().totalBytes());
  }
}
