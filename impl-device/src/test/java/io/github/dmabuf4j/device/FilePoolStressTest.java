package io.github.dmabuf4j.device;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.OwnedFd;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.parallel.Isolated;

/** Several threads on a small pool: the limit holds, no byte is shared, nothing is left. */
@EnabledOnOs(OS.LINUX)
@Isolated // counts the descriptors of the process
final class FilePoolStressTest {
  private static final long PAGE = 4096;
  private static final long NANOS =
      TimeUnit.MILLISECONDS.toNanos(
          (long) (1000 * Double.parseDouble(System.getProperty("dmabuf4j.stress.seconds", "2"))));

  private static DeviceHeap open(String options) {
    MemoryFiles files = new MemoryFiles();
    HeapUri uri = HeapUri.parse(files.heapName() + "?" + options);
    return DeviceHeap.open(files, DeviceOptions.of(uri, files.pageSize()));
  }

  /** A thread with a few buffers, each full of a byte of its own. */
  private static final class Actor {
    private final Heap heap;
    private final Random random;
    private final Deque<DmaBuf> mine = new ArrayDeque<>();
    private final byte mark;

    Actor(Heap heap, int seed) {
      this.heap = heap;
      this.random = new Random(seed);
      this.mark = (byte) (seed + 1);
    }

    void step() throws InterruptedException {
      int choice = random.nextInt(100);
      if (choice < 45 && mine.size() < 6) {
        allocate();
      } else if (choice < 85) {
        closeOne();
      } else if (choice < 90 && !mine.isEmpty()) {
        mine.getFirst().exportFd().close();
      } else if (choice < 92) {
        heap.trim();
      } else {
        HeapStatistics now = heap.statistics();
        assertThat(now.committedBytes()).isBetween(now.liveBytes(), now.limitBytes());
      }
    }

    private void allocate() throws InterruptedException {
      AllocPolicy[] policies = AllocPolicy.values(); // but the last, which waits for the others
      AllocationRequest request =
          AllocationRequest.of((1 + random.nextInt(12)) * PAGE)
              .policy(policies[random.nextInt(policies.length - 1)])
              .quiet()
              .build();
      try {
        DmaBuf buffer = heap.allocate(request);
        mine.addLast(buffer);
        buffer.write(bytes -> check(bytes, (byte) 0, mark));
      } catch (OutOfBuffersException e) {
        closeOne(); // for the others
      }
    }

    private void closeOne() throws InterruptedException {
      DmaBuf oldest = mine.pollFirst();
      if (oldest != null) {
        try (oldest) {
          oldest.write(bytes -> check(bytes, mark, mark));
        }
      }
    }

    private static void check(MemorySegment bytes, byte expected, byte next) {
      assertThat(bytes.get(JAVA_BYTE, 0)).isEqualTo(expected);
      assertThat(bytes.asSlice(1).mismatch(bytes.asSlice(0, bytes.byteSize() - 1))).isEqualTo(-1);
      bytes.fill(next);
    }

    void end() throws InterruptedException {
      while (!mine.isEmpty()) {
        closeOne();
      }
    }
  }

  @Test
  void threadsOnASmallPool_neverExceedTheLimit_norShareAByte() throws Exception {
    long before = OpenDescriptors.to("/memfd:dmabuf4j");
    DeviceHeap heap = open("limit=512KiB&mappings=96KiB&decay=5ms&retained=256KiB");
    AtomicReference<Throwable> failure = new AtomicReference<>();
    List<Thread> threads = new ArrayList<>();
    long start = System.nanoTime();
    for (int i = 0; i < 4; i++) {
      Actor actor = new Actor(heap, i);
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      while (System.nanoTime() - start < NANOS && failure.get() == null) {
                        actor.step();
                      }
                      actor.end();
                    } catch (Throwable e) {
                      failure.compareAndSet(null, e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
    assertThat(heap.statistics().poolHits()).isPositive();
    heap.close();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(heap.pool.mappings.bytes()).isZero();
    assertThat(OpenDescriptors.to("/memfd:dmabuf4j")).isEqualTo(before);
  }

  /** The idle file is large: zeroing it takes longer than what the closer does before it looks. */
  @Test
  void al11_close_whileAnIdleFileIsZeroed_waitsForIt_orNamesItsBuffer() throws Exception {
    long large = 1 << 20;
    for (int round = 0; round < 300; round++) {
      DeviceHeap heap = open("limit=4MiB");
      heap.allocate(large).close();
      CyclicBarrier start = new CyclicBarrier(2);
      FutureTask<DmaBuf> allocation =
          new FutureTask<>(
              () -> {
                start.await();
                return heap.allocate(AllocationRequest.of(large).name("zeroed").build());
              });
      Thread.ofPlatform().start(allocation);
      start.await();
      boolean closed = tryClose(heap);
      if (closed) {
        assertThatExceptionOfType(ExecutionException.class)
            .isThrownBy(allocation::get)
            .withMessageContaining("is closed: it gives no more buffers");
      } else {
        allocation.get().close();
        heap.close();
      }
    }
  }

  /** False if it was refused because of the buffer, which the message has to name. */
  private static boolean tryClose(DeviceHeap heap) {
    try {
      heap.close();
      return true;
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("has 1 live buffers").hasMessageContaining("zeroed");
      return false;
    }
  }

  @Test
  void lostHeap_givesItsMemoryBack_whenItsBuffersAreClosed() throws Exception {
    AtomicReference<DmaBuf> buffer = new AtomicReference<>();
    FilePool pool = lose(buffer);
    long start = System.nanoTime();
    // Noticed first; what was idle is closed after that.
    while (!pool.hasEnded() || pool.statistics().committedBytes() > PAGE) {
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
      System.gc();
    }
    assertThat(pool.statistics().committedBytes()).isEqualTo(PAGE);
    buffer.get().close();
    assertThat(pool.drain(Duration.ofSeconds(60).toNanos())).isTrue();
    assertThat(pool.statistics().committedBytes()).isZero();
  }

  private static FilePool lose(AtomicReference<DmaBuf> buffer) {
    DeviceHeap heap = open("limit=1MiB");
    heap.allocate(4 * PAGE).close();
    buffer.set(heap.allocate(PAGE));
    return heap.pool;
  }

  @Test
  void timer_keepsNoPoolAlive() {
    WeakReference<FilePool> pool = openAndClose();
    long start = System.nanoTime();
    while (pool.get() != null) {
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
      System.gc();
    }
  }

  private static WeakReference<FilePool> openAndClose() {
    try (DeviceHeap heap = open("limit=1MiB&decay=10ms")) {
      heap.allocate(PAGE).close();
      return new WeakReference<>(heap.pool);
    }
  }

  @Test
  void sharedBuffers_goBack_beforeTheyAreMissed() throws IOException, InterruptedException {
    long before = OpenDescriptors.to("/memfd:dmabuf4j");
    try (DeviceHeap heap = open("limit=64KiB")) {
      for (int i = 0; i < 200; i++) {
        try (DmaBuf buffer = heap.allocate(64 << 10); // all of it: the one before must be gone
            OwnedFd fd = buffer.exportFd()) {
          assertThat(fd.fd()).isNotNegative();
        }
      }
      assertThat(heap.statistics().poolHits()).isZero();
    }
    assertThat(OpenDescriptors.to("/memfd:dmabuf4j")).isEqualTo(before);
  }
}
