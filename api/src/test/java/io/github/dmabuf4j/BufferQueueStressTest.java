package io.github.dmabuf4j;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Many hand-overs of a {@link BufferQueue}, with what its buffers say. */
final class BufferQueueStressTest {
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);

  /** How many hand-overs a queue has to stand. */
  private static final int HAND_OVERS = Scale.size(1_000_000, 20_000);

  /** The buffers of a queue and their bytes. */
  private static final class Frames implements AutoCloseable {
    final List<TestExporter> exporters = new ArrayList<>();
    final List<MemorySegment> bytes = new ArrayList<>();
    private final List<Hold> holds = new ArrayList<>();
    final BufferQueue queue;

    Frames(int count) {
      List<DmaBuf> buffers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        exporters.add(new TestExporter());
        buffers.add(exporters.getLast().export());
        holds.add(buffers.getLast().hold(ArenaKind.SHARED));
        bytes.add(holds.getLast().segment());
      }
      queue = BufferQueue.of("frames", buffers);
      buffers.forEach(DmaBuf::close);
    }

    @Override
    public void close() {
      queue.close();
      holds.forEach(Hold::close);
      assertThat(exporters)
          .as("released once")
          .allMatch(exporter -> exporter.count(TestExporter.Call.RELEASE) == 1);
    }
  }

  /** Does what it is given, one thing after the other, and signals a fence after each. */
  private static final class Device {
    private final FenceContext context;
    private final BlockingQueue<Runnable> work = new LinkedBlockingQueue<>();
    private boolean over; // by its own thread

    Device(String name) {
      context = FenceContext.create(name);
    }

    /** What has to be done once a fence has signaled. */
    Fence submit(Fence after, Runnable thing) {
      Fence done = context.newFence();
      work.add(
          () -> {
            after.awaitUninterruptibly(LONG);
            thing.run();
            context.signal(done);
          });
      return done;
    }

    void end() {
      work.add(() -> over = true);
    }

    void run() throws InterruptedException {
      try {
        while (!over) {
          work.take().run();
        }
      } finally {
        context.close();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, false", "4, false", "4, true"})
  void handOvers_keepTheOrderAndTheContent_withFencesThatOthersSignal(int buffers, boolean virtual)
      throws Exception {
    int rounds = buffers == 1 || virtual ? HAND_OVERS / 4 : HAND_OVERS;
    AtomicReference<String> wrong = new AtomicReference<>("");
    try (Frames frames = new Frames(buffers)) {
      Device camera = new Device("camera");
      Device screen = new Device("screen");
      Threads.Body producer =
          () -> {
            for (long i = 0; i < rounds; i++) {
              long number = i;
              BufferSlot slot = frames.queue.dequeue(LONG);
              MemorySegment bytes = frames.bytes.get(slot.index());
              frames.queue.queue(
                  slot, camera.submit(slot.fence(), () -> bytes.set(JAVA_LONG, 0, number)));
            }
            frames.queue.end();
            camera.end();
          };
      Threads.Body consumer =
          () -> {
            long next = 0;
            for (Optional<BufferSlot> one = frames.queue.acquire(LONG);
                one.isPresent();
                one = frames.queue.acquire(LONG)) {
              long wanted = next++;
              BufferSlot slot = one.orElseThrow();
              MemorySegment bytes = frames.bytes.get(slot.index());
              Runnable look =
                  () -> {
                    long found = bytes.get(JAVA_LONG, 0);
                    if (found != wanted) {
                      wrong.set("frame %d had the content of %d".formatted(wanted, found));
                    }
                  };
              frames.queue.release(slot, screen.submit(slot.fence(), look));
            }
            screen.end();
            assertThat(next).isEqualTo(rounds);
          };
      Threads.together(virtual, List.of(producer, consumer, camera::run, screen::run));
      assertThat(wrong.get()).isEmpty();
      assertThat(frames.queue.isDrained()).isTrue();
      assertThat(frames.queue.toString()).contains(buffers + " free");
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 4, 4, false", "3, 2, 5, true", "2, 5, 1, false", "8, 8, 8, true"})
  void manyThreadsOnEitherSide_loseNothing_andNeverShareABuffer(
      int buffers, int producers, int consumers, boolean virtual) throws Exception {
    int each = HAND_OVERS / 5 / producers;
    AtomicIntegerArray inHand = new AtomicIntegerArray(buffers);
    AtomicInteger shared = new AtomicInteger();
    AtomicLong sum = new AtomicLong();
    AtomicLong taken = new AtomicLong();
    AtomicInteger left = new AtomicInteger(producers);
    try (Frames frames = new Frames(buffers)) {
      List<Threads.Body> bodies = new ArrayList<>();
      for (int p = 0; p < producers; p++) {
        bodies.add(
            () -> {
              for (int i = 1; i <= each; i++) {
                BufferSlot slot = frames.queue.dequeue(LONG);
                shared.addAndGet(inHand.getAndIncrement(slot.index()));
                frames.bytes.get(slot.index()).set(JAVA_LONG, 0, i);
                inHand.decrementAndGet(slot.index());
                if (i % 100 == 0) {
                  frames.queue.cancel(slot);
                } else {
                  frames.queue.queue(slot);
                }
              }
              if (left.decrementAndGet() == 0) {
                frames.queue.end();
              }
            });
      }
      for (int c = 0; c < consumers; c++) {
        bodies.add(
            () -> {
              for (Optional<BufferSlot> one = frames.queue.acquireUninterruptibly(LONG);
                  one.isPresent();
                  one = frames.queue.acquireUninterruptibly(LONG)) {
                BufferSlot slot = one.orElseThrow();
                shared.addAndGet(inHand.getAndIncrement(slot.index()));
                sum.addAndGet(frames.bytes.get(slot.index()).get(JAVA_LONG, 0));
                taken.incrementAndGet();
                inHand.decrementAndGet(slot.index());
                frames.queue.release(slot);
              }
            });
      }
      Threads.together(virtual, bodies);
      assertThat(shared).hasValue(0);
      long wanted = 0;
      for (int i = 1; i <= each; i++) {
        wanted += i % 100 == 0 ? 0 : i;
      }
      assertThat(taken).hasValue((each - each / 100L) * producers);
      assertThat(sum).hasValue(wanted * producers);
      assertThat(frames.queue.toString()).contains(buffers + " free");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void closeAtAnyMoment_endsEveryThread_andGivesUpEachReferenceOnce(boolean virtual)
      throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      FenceContext work = FenceContext.create("work");
      Fence pending = work.newFence();
      try (Frames frames = new Frames(3)) {
        AtomicInteger handOvers = new AtomicInteger();
        Threads.Body producer =
            () -> {
              try {
                while (true) {
                  frames.queue.queue(frames.queue.dequeue(LONG), pending);
                }
              } catch (IllegalStateException closed) {
                assertThat(closed).hasMessageContaining("closed");
              }
            };
        Threads.Body consumer =
            () -> {
              try {
                while (true) {
                  frames.queue.release(frames.queue.acquire(LONG).orElseThrow());
                  handOvers.incrementAndGet();
                }
              } catch (IllegalStateException closed) {
                assertThat(closed).hasMessageContaining("closed");
              }
            };
        Threads.together(
            virtual,
            List.of(
                producer,
                producer,
                consumer,
                consumer,
                () -> {
                  Threads.until(() -> handOvers.get() > 5);
                  frames.queue.close();
                }));
        frames.holds.forEach(Hold::close);
        assertThat(frames.exporters).as("in flight").noneMatch(TestExporter::isReleased);
        work.close();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void giveBackOfOneSlotByTwoThreads_succeedsOnce(boolean cancels) throws Exception {
    try (Frames frames = new Frames(2)) {
      AtomicReference<Optional<BufferSlot>> slot = new AtomicReference<>(Optional.empty());
      AtomicInteger succeeded = new AtomicInteger();
      Threads.Body queue =
          () -> once(() -> frames.queue.queue(slot.get().orElseThrow()), succeeded);
      Threads.Body other =
          cancels
              ? () -> once(() -> frames.queue.cancel(slot.get().orElseThrow()), succeeded)
              : queue;
      Threads.race(
          () -> {
            succeeded.set(0);
            slot.set(frames.queue.tryDequeue());
          },
          queue,
          other,
          () -> {
            assertThat(succeeded).hasValue(1);
            frames.queue.tryAcquire().ifPresent(frames.queue::release);
            assertThat(frames.queue.toString()).contains("2 free");
          });
    }
  }

  private static void once(Runnable giveBack, AtomicInteger succeeded) {
    try {
      giveBack.run();
      succeeded.incrementAndGet();
    } catch (IllegalStateException refused) {
      assertThat(refused).hasMessageContaining("doesn't have");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void deadlinesThatPassAllTheTime_loseNothing(int buffers) throws Exception {
    BooleanSupplier going = Threads.stressTime();
    AtomicLong produced = new AtomicLong();
    AtomicLong consumed = new AtomicLong();
    AtomicInteger left = new AtomicInteger(2);
    Duration shortest = Duration.ofNanos(TimeUnit.MICROSECONDS.toNanos(50));
    try (Frames frames = new Frames(buffers)) {
      Threads.Body producer =
          () -> {
            while (going.getAsBoolean()) {
              try {
                frames.queue.queue(frames.queue.dequeue(shortest));
                produced.incrementAndGet();
              } catch (OutOfBuffersException late) {
                // the next time
              }
            }
            if (left.decrementAndGet() == 0) {
              frames.queue.end();
            }
          };
      Threads.Body consumer =
          () -> {
            while (!frames.queue.isDrained()) {
              try {
                frames
                    .queue
                    .acquire(shortest)
                    .ifPresent(
                        slot -> {
                          consumed.incrementAndGet();
                          frames.queue.release(slot);
                        });
              } catch (NothingQueuedException late) {
                // the next time
              }
            }
          };
      Threads.together(producer, producer, consumer, consumer);
      assertThat(consumed).hasValue(produced.get()).hasPositiveValue();
      assertThat(frames.queue.toString()).contains(buffers + " free");
    }
  }
}
