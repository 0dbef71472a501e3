package io.github.dmabuf4j.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.netty.buffer.ByteBuf;
import io.netty.util.IllegalReferenceCountException;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Several threads with one ByteBuf: freed once, and a use after that is an exception at worst. */
class ConcurrencyTest {
  private static final int ROUNDS = 300;

  @RegisterExtension final HeapGuard guard = new HeapGuard();

  @Test
  void twoThreads_thatRetainAndRelease_freeOnce() throws Exception {
    Heap heap = guard.open("1MiB");
    DmaByteBufAllocator allocator = DmaByteBufAllocator.of(heap);
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      for (int round = 0; round < ROUNDS; round++) {
        ByteBuf bytes = allocator.directBuffer(64).retain(); // one for each
        AtomicInteger freed = new AtomicInteger();
        CyclicBarrier start = new CyclicBarrier(2);
        Runnable user =
            () -> {
              for (int i = 0; i < 200; i++) {
                bytes.retain();
                bytes.setInt(0, i);
                freed.addAndGet(bytes.release() ? 1 : 0);
              }
              freed.addAndGet(bytes.release() ? 1 : 0);
            };
        Future<?> first = threads.submit(() -> after(start, user));
        Future<?> second = threads.submit(() -> after(start, user));
        first.get();
        second.get();
        assertThat(freed).hasValue(1);
        assertThat(heap.statistics().liveBuffers()).isZero();
      }
    }
  }

  private static Object after(CyclicBarrier start, Runnable user) throws Exception {
    int _ = start.await();
    user.run();
    return true;
  }

  /** The reader misbehaves on purpose: it has no reference of its own. */
  @ParameterizedTest
  @EnumSource(
      value = ArenaKind.class,
      names = {"POOL", "SHARED"})
  void useWithoutAReference_onAnotherThread_endsWithAnException(ArenaKind kind) throws Exception {
    Heap heap = guard.open("1MiB");
    try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
      for (int round = 0; round < ROUNDS; round++) {
        ByteBuf bytes;
        try (DmaBuf buffer = heap.allocate(8192)) {
          bytes = DmaByteBufs.view(buffer, kind);
        }
        CountDownLatch reading = new CountDownLatch(1);
        Future<Exception> reader = threads.submit(() -> useUntilRefused(bytes, reading));
        reading.await();
        assertThat(bytes.release()).isTrue();
        try (DmaBuf next = heap.allocate(8192)) { // the same memory, zeroed under the reader
          assertThat(next.size()).isEqualTo(8192);
        }
        assertThat(reader.get())
            .isInstanceOfAny(IllegalReferenceCountException.class, IllegalStateException.class);
      }
      Await.until("all is let go", () -> heap.statistics().liveBuffers() == 0);
    }
  }

  private static Exception useUntilRefused(ByteBuf bytes, CountDownLatch reading) {
    byte[] target = new byte[4096];
    try {
      while (true) {
        bytes.setLong(8, bytes.getLong(4000));
        bytes.getBytes(100, target);
        bytes.nioBuffer(0, 100).get(target, 0, 100);
        reading.countDown();
      }
    } catch (IllegalStateException e) { // of a released ByteBuf, or of a dead segment
      return e;
    }
  }

  @Test
  void releaseWhileAnotherThreadIsInACall_letsGoWhenItHasLeft() throws Exception {
    Heap heap = guard.open("4MiB");
    int size = 1 << 20; // more than a pipe takes
    ByteBuf bytes;
    try (DmaBuf buffer = heap.allocate(size)) {
      bytes = DmaByteBufs.view(buffer, ArenaKind.SHARED);
    }
    Pipe pipe = Pipe.open();
    try (Logged warnings = new Logged(HeldBuffer.class);
        ExecutorService threads = Executors.newFixedThreadPool(1);
        Pipe.SourceChannel source = pipe.source();
        Pipe.SinkChannel sink = pipe.sink()) {
      ByteBuffer all = bytes.nioBuffer();
      Future<Integer> writer = threads.submit(() -> sink.write(all));
      ByteBuffer read = ByteBuffer.allocate(size);
      read.limit(1);
      assertThat(source.read(read)).as("the writer is inside").isEqualTo(1);
      assertThat(bytes.release()).isTrue();
      assertThat(heap.statistics().liveBuffers()).as("still written from").isEqualTo(1);
      assertThat(warnings.messages()).singleElement().asString().contains("must retain it");
      read.limit(size);
      while (read.hasRemaining()) {
        assertThat(source.read(read)).isPositive();
      }
      assertThat(writer.get()).isEqualTo(size);
      Await.until("the bytes are let go", () -> heap.statistics().liveBuffers() == 0);
    }
  }
}
