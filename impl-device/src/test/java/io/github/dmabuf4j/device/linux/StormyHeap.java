package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.DeviceBuffers;
import io.github.dmabuf4j.device.OpenDescriptors;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A thread that makes buffers, maps, writes, shares, imports and closes them, while one signal
 * after the other interrupts it. Nothing fails, all bytes are right, and nothing stays open.
 *
 * <p>Most calls of a heap are too short to be interrupted, but for that which provides the memory
 * of a file. So before that the thread makes two that wait, as this library makes them, until they
 * were interrupted many times.
 */
final class StormyHeap {
  private static final String THREAD = "stormy-heap";
  private static final long LARGE = 24 << 20;
  private static final int SMALL = 1 << 16;

  /** How many signals a call that waits has to bear before it has what it waits for. */
  private static final int STRIKES = 200;

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final String uri;
  private final int rounds;
  private final CompletableFuture<Void> over = new CompletableFuture<>();
  private final AtomicInteger interrupted = new AtomicInteger();

  /** What it waits for just now, or is about to. */
  private final AtomicReference<@Nullable Descriptor> waitsFor = new AtomicReference<>();

  /** What it waits for, one after the other: blocking as another process's may be. */
  private final Descriptor first = blockingCounter();

  private final Descriptor second = blockingCounter();

  private StormyHeap(String name, int rounds) {
    this.uri = name + "?limit=128MiB&retained=0&mappings=0";
    this.rounds = rounds;
  }

  /** Does it so many times with a heap; returns the number of signals. */
  static long endure(String name, int rounds) throws Exception {
    return new StormyHeap(name, rounds).endure();
  }

  private static Descriptor blockingCounter() {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.DEVICE,
        "StormyHeap",
        "eventfd",
        () -> Syscalls.eventfd(0, linux_h.EFD_CLOEXEC()));
  }

  private long endure() throws Exception {
    long before = files();
    CountDownLatch hasItsName = new CountDownLatch(1); // in the kernel, before it runs
    CountDownLatch begin = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    Thread worker =
        Thread.ofPlatform()
            .name(THREAD)
            .start(
                () -> {
                  try (first;
                      second) {
                    hasItsName.countDown();
                    begin.await();
                    readOne();
                    awaitOther();
                    work();
                    over.complete(null);
                  } catch (Throwable e) {
                    over.completeExceptionally(e);
                  } finally {
                    awaitQuietly(end);
                  }
                });
    hasItsName.await();
    SignalStorm storm = new SignalStorm(THREAD);
    begin.countDown();
    long strikes = 0;
    long enough = Long.MAX_VALUE;
    while (!over.isDone()) {
      storm.strike();
      pause(1 << (strikes & 15));
      strikes++;
      if (waitsFor.get() != null && enough == Long.MAX_VALUE) {
        enough = strikes + STRIKES;
      } else if (strikes == enough) {
        EventCounter.add(waitsFor.getAndSet(null), 1);
        enough = Long.MAX_VALUE;
      }
    }
    end.countDown();
    worker.join();
    over.get();
    assertThat(interrupted).as("interruptions of one call").hasPositiveValue();
    awaitFiles(before);
    return strikes;
  }

  /** Reads what comes after many signals. */
  private void readOne() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_LONG);
      waitsFor.set(first);
      long length =
          first.use(
              fd ->
                  Restarted.call(
                      () -> {
                        int result = (int) Syscalls.read(fd, value);
                        interrupted.addAndGet(result == -linux_h.EINTR() ? 1 : 0);
                        return result;
                      }));
      assertThat(length).isEqualTo(Long.BYTES);
    }
  }

  /** Waits as the reader of a queue does. */
  private void awaitOther() {
    DirectWait direct = new DirectWait("StormyHeap");
    try {
      assertThat(Poller.look(second, Poller.IN)).isZero(); // loads what it takes
      waitsFor.set(second);
      while (Poller.look(second, Poller.IN) == 0) {
        direct.awaitUninterruptibly(second, PATIENCE_NANOS);
      }
    } finally {
      direct.close();
    }
  }

  /** Without any pause at all there would be a signal at each look, and no call could ever end. */
  private static void pause(int length) {
    for (int i = 0; i < length; i++) {
      Thread.onSpinWait();
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Other tests' files may be closed meanwhile, and ours by the timer. */
  private static void awaitFiles(long most) throws Exception {
    long start = System.nanoTime();
    while (files() > most) {
      assertThat(System.nanoTime() - start).as("files stay open").isLessThan(PATIENCE_NANOS);
      LockSupport.parkNanos(1_000_000);
    }
  }

  private static long files() throws Exception {
    return OpenDescriptors.to("memfd:") + OpenDescriptors.to("dmabuf");
  }

  private void work() throws InterruptedException {
    try (Heap heap = Heaps.open(uri)) {
      try (DmaBuf large = heap.allocate(LARGE)) {
        assertThat(large.size()).isEqualTo(LARGE);
      }
      for (int round = 0; round < rounds; round++) {
        useOne(heap, (byte) round);
      }
    }
  }

  private static void useOne(Heap heap, byte value) throws InterruptedException {
    try (DmaBuf buffer = heap.allocate(SMALL)) {
      buffer.write(bytes -> bytes.fill(value));
      try (OwnedFd fd = buffer.exportFd();
          DmaBuf same = DeviceBuffers.importFd(fd)) {
        byte last = same.read(bytes -> bytes.get(ValueLayout.JAVA_BYTE, SMALL - 1));
        assertThat(last).isEqualTo(value);
      }
    }
  }
}
