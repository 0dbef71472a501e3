package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.DeviceBuffers;
import io.github.dmabuf4j.device.OpenDescriptors;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A thread that makes buffers, maps, writes, shares, imports and closes them, while one signal
 * after the other interrupts it. Nothing fails, all bytes are right, and nothing stays open.
 */
final class StormyHeap {
  private static final String THREAD = "stormy-heap";
  private static final long LARGE = 24 << 20;
  private static final int SMALL = 1 << 16;

  /** How often a call is made to see that the storm interrupts some. */
  private static final int LOOKS = 100;

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final String uri;
  private final int rounds;

  private StormyHeap(String name, int rounds) {
    this.uri = name + "?limit=128MiB&retained=0&mappings=0";
    this.rounds = rounds;
  }

  /** Does it so many times with a heap; returns the number of signals. */
  static long endure(String name, int rounds) throws Exception {
    return new StormyHeap(name, rounds).endure();
  }

  private long endure() throws Exception {
    long before = files();
    CountDownLatch hasItsName = new CountDownLatch(1); // in the kernel, before it runs
    CountDownLatch begin = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    CompletableFuture<Boolean> sawInterruption = new CompletableFuture<>();
    Thread worker =
        Thread.ofPlatform()
            .name(THREAD)
            .start(
                () -> {
                  try {
                    hasItsName.countDown();
                    begin.await();
                    boolean seen = isInterrupted();
                    work();
                    sawInterruption.complete(seen);
                  } catch (Throwable e) {
                    sawInterruption.completeExceptionally(e);
                  } finally {
                    awaitQuietly(end);
                  }
                });
    hasItsName.await();
    SignalStorm storm = new SignalStorm(THREAD);
    begin.countDown();
    long strikes = 0;
    while (!sawInterruption.isDone()) {
      storm.strike();
      pause(1 << (strikes & 15));
      strikes++;
    }
    end.countDown();
    worker.join();
    assertThat(sawInterruption.get()).as("a system call was interrupted").isTrue();
    awaitFiles(before);
    return strikes;
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

  /** Whether a call that waits is interrupted by the storm. */
  private static boolean isInterrupted() {
    for (int i = 0; i < LOOKS; i++) {
      if (Syscalls.poll(MemorySegment.NULL, 0, 10) == -linux_h.EINTR()) {
        return true;
      }
    }
    return false;
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
