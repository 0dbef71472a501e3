package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A hand-over allocates nothing. Measured in a JVM without the validator, which gives each turn an
 * object of its own.
 */
final class BufferQueueAllocationTest {
  @TempDir private Path directory;

  @Test
  void handOver_allocatesNothing_whetherOrNotItWaits() throws Exception {
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx256m",
                    "-cp",
                    System.getProperty("java.class.path"),
                    Measurement.class.getName()))
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      boolean ended = process.waitFor(3L * Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
      String text = Files.readString(output);
      assertThat(ended).as(text).isTrue();
      assertThat(process.exitValue()).as(text).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  /** What runs in the other JVM. */
  static final class Measurement {
    private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);
    private static final int WARM_UP = 10_000;
    private static final int HAND_OVERS = 50_000;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final AtomicLong bytes = new AtomicLong();
    private final FenceContext context = FenceContext.create("work");
    private final Fence pending = context.newFence();
    private final BufferQueue queue;

    /** The buffers, where they come from outside and go back there; else empty. */
    private final BlockingQueue<DmaBuf> outside;

    private Measurement(int buffers, boolean attaches) {
      List<DmaBuf> handles = new ArrayList<>();
      for (int i = 0; i < buffers; i++) {
        handles.add(TestExporter.buffer());
      }
      queue =
          attaches
              ? BufferQueue.named("measured").slots(buffers)
              : BufferQueue.of("measured", handles);
      outside = new ArrayBlockingQueue<>(buffers, false, attaches ? handles : List.of());
    }

    public static void main(String[] arguments) throws Exception {
      assertThat(Lockdep.isEnabled()).isFalse();
      for (int buffers : List.of(1, 4)) {
        new Measurement(buffers, false).run();
        new Measurement(buffers, true).runAttaching();
      }
      System.exit(0);
    }

    private void run() throws Exception {
      Threads.together(() -> measured(this::produce), () -> measured(this::consume));
      assertThat(bytes.get() / (double) HAND_OVERS).as("bytes per hand-over").isLessThan(1);
    }

    /** One thread: a queue of the platform's would allocate where it waits. */
    private void runAttaching() throws Exception {
      measured(this::attachAndDetach);
      assertThat(bytes.get() / (double) HAND_OVERS).as("bytes per hand-over").isLessThan(1);
    }

    private void attachAndDetach(int count) throws InterruptedException {
      for (int i = 0; i < count; i++) {
        queue.queue(queue.attach(outside.remove(), LONG), pending);
        outside.add(queue.detach(queue.acquire(LONG).orElseThrow()));
      }
    }

    private void measured(Rounds side) throws InterruptedException {
      side.run(WARM_UP);
      long before = threads.getCurrentThreadAllocatedBytes();
      side.run(HAND_OVERS);
      bytes.addAndGet(threads.getCurrentThreadAllocatedBytes() - before);
    }

    /** One hand's part of some hand-overs. */
    private interface Rounds {
      void run(int count) throws InterruptedException;
    }

    private void produce(int count) throws InterruptedException {
      for (int i = 0; i < count; i++) {
        BufferSlot slot = queue.dequeue(LONG);
        queue.queue(slot, pending);
      }
    }

    private void consume(int count) throws InterruptedException {
      for (int i = 0; i < count; i++) {
        Optional<BufferSlot> slot = queue.acquire(LONG);
        if (slot.orElseThrow().fence() != pending) {
          throw new IllegalStateException("not the producer's fence");
        }
        queue.release(slot.orElseThrow(), Fence.stub());
      }
    }
  }
}
