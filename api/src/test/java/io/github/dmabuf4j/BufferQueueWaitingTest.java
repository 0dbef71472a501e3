package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.LockdepException.Rule;
import io.github.dmabuf4j.Threads.Started;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Threads that wait for their turn in a {@link BufferQueue}, and those that must not. */
final class BufferQueueWaitingTest {
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);

  private final TestExporter exporter = new TestExporter();
  private final BufferQueue queue = single(exporter);

  private static BufferQueue single(TestExporter exporter) {
    try (DmaBuf buffer = exporter.export()) {
      return BufferQueue.of("frames", List.of(buffer));
    }
  }

  @AfterEach
  void nothingIsLeft() {
    queue.close();
    assertThat(exporter.isReleased()).isTrue();
  }

  private static Started start(boolean virtual, Threads.Body body) {
    return virtual ? Threads.virtual(body) : Threads.platform(body);
  }

  /** Which hand waits, in which form. */
  enum Wait {
    DEQUEUE {
      @Override
      Optional<BufferSlot> take(BufferQueue queue, Duration timeout) throws InterruptedException {
        return Optional.of(queue.dequeue(timeout));
      }
    },
    DEQUEUE_UNINTERRUPTIBLY {
      @Override
      Optional<BufferSlot> take(BufferQueue queue, Duration timeout) {
        return Optional.of(queue.dequeueUninterruptibly(timeout));
      }
    },
    ACQUIRE {
      @Override
      Optional<BufferSlot> take(BufferQueue queue, Duration timeout) throws InterruptedException {
        return queue.acquire(timeout);
      }
    },
    ACQUIRE_UNINTERRUPTIBLY {
      @Override
      Optional<BufferSlot> take(BufferQueue queue, Duration timeout) {
        return queue.acquireUninterruptibly(timeout);
      }
    };

    abstract Optional<BufferSlot> take(BufferQueue queue, Duration timeout)
        throws InterruptedException;

    boolean isProducer() {
      return this == DEQUEUE || this == DEQUEUE_UNINTERRUPTIBLY;
    }

    boolean isInterruptible() {
      return this == DEQUEUE || this == ACQUIRE;
    }

    Class<? extends RuntimeException> late() {
      return isProducer() ? OutOfBuffersException.class : NothingQueuedException.class;
    }

    /** Sees to it that this form has to wait; what it returns ends that. */
    Runnable starve(BufferQueue queue) {
      if (!isProducer()) {
        return () -> queue.queue(queue.tryDequeue().orElseThrow());
      }
      BufferSlot slot = queue.tryDequeue().orElseThrow();
      return () -> queue.cancel(slot);
    }

    void giveBack(BufferQueue queue, BufferSlot slot) {
      if (isProducer()) {
        queue.cancel(slot);
      } else {
        queue.release(slot);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "DEQUEUE, false",
    "DEQUEUE, true",
    "DEQUEUE_UNINTERRUPTIBLY, false",
    "DEQUEUE_UNINTERRUPTIBLY, true",
    "ACQUIRE, false",
    "ACQUIRE, true",
    "ACQUIRE_UNINTERRUPTIBLY, false",
    "ACQUIRE_UNINTERRUPTIBLY, true"
  })
  void wait_endsWithTheTurn_andSeesWhatCameBefore(Wait wait, boolean virtual) throws Exception {
    Runnable end = wait.starve(queue);
    int[] plain = {0};
    Started waiter =
        start(
                virtual,
                () -> {
                  BufferSlot slot = wait.take(queue, LONG).orElseThrow();
                  assertThat(plain[0]).isEqualTo(1);
                  wait.giveBack(queue, slot);
                })
            .awaitBlocked();
    plain[0] = 1;
    end.run();
    waiter.join();
  }

  @ParameterizedTest
  @EnumSource(Wait.class)
  void wait_endsAtTheDeadline(Wait wait) {
    Runnable end = wait.starve(queue);
    for (Duration timeout :
        List.of(
            Duration.ofNanos(1),
            Duration.ofMillis(2),
            Duration.ZERO,
            Duration.ofNanos(Long.MIN_VALUE),
            Duration.ofSeconds(Long.MIN_VALUE))) {
      assertThatExceptionOfType(wait.late()).isThrownBy(() -> wait.take(queue, timeout));
    }
    end.run();
    wait.giveBack(queue, takeNow(wait));
  }

  private BufferSlot takeNow(Wait wait) {
    return (wait.isProducer() ? queue.tryDequeue() : queue.tryAcquire()).orElseThrow();
  }

  @ParameterizedTest
  @EnumSource(Wait.class)
  void endlessTimeout_doesNotOverflow(Wait wait) throws Exception {
    Runnable end = wait.starve(queue);
    Started waiter =
        Threads.platform(
                () -> {
                  Duration endless = Duration.ofSeconds(Long.MAX_VALUE);
                  wait.giveBack(queue, wait.take(queue, endless).orElseThrow());
                })
            .awaitBlocked();
    end.run();
    waiter.join();
  }

  // ---- FN5: interrupts ----

  @ParameterizedTest
  @CsvSource({"DEQUEUE, false", "DEQUEUE, true", "ACQUIRE, false", "ACQUIRE, true"})
  void fn5_interrupt_endsAnInterruptibleWait_andTakesNothing(Wait wait, boolean virtual)
      throws Exception {
    Runnable end = wait.starve(queue);
    Started waiter =
        start(
                virtual,
                () -> {
                  assertThatExceptionOfType(InterruptedException.class)
                      .isThrownBy(() -> wait.take(queue, LONG));
                  assertThat(Thread.interrupted()).isFalse();
                })
            .awaitBlocked();
    waiter.thread().interrupt();
    waiter.join();
    end.run();
    wait.giveBack(queue, takeNow(wait));
  }

  @ParameterizedTest
  @CsvSource({
    "DEQUEUE_UNINTERRUPTIBLY, false",
    "DEQUEUE_UNINTERRUPTIBLY, true",
    "ACQUIRE_UNINTERRUPTIBLY, false",
    "ACQUIRE_UNINTERRUPTIBLY, true"
  })
  void fn5_interrupt_isKeptForLaterByAnUninterruptibleWait(Wait wait, boolean virtual)
      throws Exception {
    Runnable end = wait.starve(queue);
    Started waiter =
        start(
                virtual,
                () -> {
                  BufferSlot slot = wait.take(queue, LONG).orElseThrow();
                  assertThat(Thread.interrupted()).isTrue();
                  wait.giveBack(queue, slot);
                })
            .awaitBlocked();
    waiter.thread().interrupt();
    waiter.awaitBlocked();
    end.run();
    waiter.join();
  }

  @ParameterizedTest
  @EnumSource(Wait.class)
  void fn5_interruptBeforeTheWait_countsToo(Wait wait) throws InterruptedException {
    Runnable end = wait.starve(queue);
    end.run();
    Thread.currentThread().interrupt();
    if (wait.isInterruptible()) {
      assertThatExceptionOfType(InterruptedException.class)
          .isThrownBy(() -> wait.take(queue, LONG));
      wait.giveBack(queue, takeNow(wait));
    } else {
      wait.giveBack(queue, wait.take(queue, LONG).orElseThrow());
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  @Test
  void fn5_interruptThatComesWithTheTurn_losesNeitherOfThem() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      AtomicReference<@Nullable Thread> taker = new AtomicReference<>();
      Threads.Body take =
          () -> {
            queue.release(queue.acquire(LONG).orElseThrow());
            taker.set(Thread.currentThread());
          };
      Started first =
          Threads.platform(
                  () -> {
                    try {
                      take.run();
                      Threads.until(Thread::interrupted); // kept for later, or still to come
                    } catch (InterruptedException e) {
                      // came first
                    }
                  })
              .awaitBlocked();
      Started second = Threads.platform(take).awaitBlocked();
      BufferSlot slot = queue.dequeue(LONG);
      Threads.together(() -> first.thread().interrupt(), () -> queue.queue(slot));
      first.join();
      Threads.until(() -> taker.get() != null);
      if (taker.get() == first.thread()) {
        queue.queue(queue.dequeue(LONG)); // the other one is still waiting
      }
      second.join();
    }
  }

  @Test
  void fn5_waitsDoNotPinCarriers() throws Exception {
    List<Started> waiters = new ArrayList<>();
    for (int i = 0; i < 64 * Runtime.getRuntime().availableProcessors(); i++) {
      waiters.add(
          Threads.virtual(() -> queue.acquire(LONG).ifPresent(slot -> queue.release(slot))));
    }
    waiters.forEach(Started::awaitBlocked);
    int count = waiters.size();
    Threads.virtual( // would find no carrier
            () -> {
              for (int i = 0; i < count; i++) {
                queue.queue(queue.dequeue(LONG));
              }
            })
        .join();
    for (Started waiter : waiters) {
      waiter.join();
    }
  }

  // ---- limits, while waiting ----

  @Test
  void limitReachedByAnotherThread_isToldToEachThatWaits() throws Exception {
    List<DmaBuf> buffers =
        List.of(TestExporter.buffer(), TestExporter.buffer(), TestExporter.buffer());
    try (BufferQueue limited = BufferQueue.named("limited").maxAcquired(1).over(buffers)) {
      buffers.forEach(DmaBuf::close);
      AtomicReference<BufferSlot> taken = new AtomicReference<>();
      AtomicInteger refused = new AtomicInteger();
      List<Started> waiters = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        waiters.add(
            Threads.platform(
                    () -> {
                      try {
                        taken.set(limited.acquire(LONG).orElseThrow());
                      } catch (IllegalStateException e) {
                        assertThat(e).hasMessageContaining("maxAcquired");
                        refused.incrementAndGet();
                      }
                    })
                .awaitBlocked());
      }
      limited.queue(limited.dequeue(LONG));
      limited.queue(limited.dequeue(LONG));
      for (Started waiter : waiters) {
        waiter.join();
      }
      assertThat(refused).hasValue(2);
      limited.release(taken.get());
      limited.release(limited.tryAcquire().orElseThrow());
    }
  }

  // ---- the end, while waiting ----

  @ParameterizedTest
  @CsvSource({
    "DEQUEUE, false",
    "DEQUEUE_UNINTERRUPTIBLY, true",
    "ACQUIRE, true",
    "ACQUIRE_UNINTERRUPTIBLY, false"
  })
  void close_failsAllWhoWait(Wait wait, boolean virtual) throws Exception {
    Runnable end = wait.starve(queue);
    List<Started> waiters = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      waiters.add(
          start(
                  virtual,
                  () ->
                      assertThatIllegalStateException()
                          .isThrownBy(() -> wait.take(queue, LONG))
                          .withMessageContaining("buffer queue frames, which is closed"))
              .awaitBlocked());
    }
    queue.close();
    for (Started waiter : waiters) {
      waiter.join();
    }
    if (wait.isProducer()) {
      end.run();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void end_isToldToAllConsumersWhoWait(boolean virtual) throws Exception {
    List<Started> waiters = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      waiters.add(start(virtual, () -> assertThat(queue.acquire(LONG)).isEmpty()).awaitBlocked());
    }
    queue.end();
    for (Started waiter : waiters) {
      waiter.join();
    }
  }

  @Test
  void end_failsProducersWhoWait() throws Exception {
    BufferSlot slot = queue.dequeue(LONG);
    Started waiter =
        Threads.platform(
                () ->
                    assertThatIllegalStateException()
                        .isThrownBy(() -> queue.dequeue(LONG))
                        .withMessageContaining("ended"))
            .awaitBlocked();
    queue.end();
    waiter.join();
    queue.cancel(slot);
  }

  // ---- FN4: the other hand is a client ----

  @ParameterizedTest
  @EnumSource(Wait.class)
  @CleanRun.ExceptOnPurpose
  @ValidatorOn
  void fn4_waitForATurn_inASignallingSectionOrUnderAReservation_isRefused(Wait wait)
      throws InterruptedException {
    Runnable end = wait.starve(queue);
    end.run(); // whether or not it has to wait this time
    try (var _ = Signalling.begin()) {
      assertThatExceptionOfType(LockdepException.class)
          .isThrownBy(() -> wait.take(queue, LONG))
          .satisfies(e -> assertThat(e.rule()).isEqualTo(Rule.ORDER))
          .withMessageContaining("buffer queue frames")
          .withMessageContaining("waits for its turn in a buffer queue");
    }
    Reservation reservation = new Reservation();
    reservation.lock();
    try {
      assertThatExceptionOfType(LockdepException.class)
          .isThrownBy(() -> wait.take(queue, LONG))
          .satisfies(e -> assertThat(e.rule()).isEqualTo(Rule.ORDER));
      wait.giveBack(queue, wait.take(queue, Duration.ZERO).orElseThrow()); // never waits
    } finally {
      reservation.unlock();
    }
  }

  @Test
  void fn4_givingBack_isLegalEverywhere() {
    FenceContext context = FenceContext.create("context");
    Fence fence = context.newFence();
    BufferSlot slot = queue.tryDequeue().orElseThrow();
    AtomicReference<BufferSlot> acquired = new AtomicReference<>();
    fence.addCallback(
        signaled -> {
          queue.queue(slot, signaled);
          acquired.set(queue.tryAcquire().orElseThrow());
        });
    context.signal(fence);
    Reservation reservation = new Reservation();
    reservation.lock();
    try (var _ = Signalling.begin()) {
      queue.release(acquired.get());
      queue.cancel(queue.tryDequeue().orElseThrow());
    } finally {
      reservation.unlock();
    }
    context.close();
  }

  @Test
  @ValidatorOn
  void waitGraph_tellsWhoWaitsForATurn() throws Exception {
    Started waiter = Threads.platform(() -> queue.acquire(LONG)).awaitBlocked();
    Threads.until(
        () ->
            WaitGraph.now()
                .toString()
                .contains("waits for a buffer queued in buffer queue frames"));
    queue.end();
    waiter.join();
  }
}
