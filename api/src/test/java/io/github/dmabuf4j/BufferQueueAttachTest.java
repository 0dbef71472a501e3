package io.github.dmabuf4j;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Buffers that come into a {@link BufferQueue} from outside, and leave it again. */
final class BufferQueueAttachTest {
  private static final Duration SHORT = Duration.ofMillis(1);
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);

  private final FenceContext camera = FenceContext.create("camera");
  private final List<TestExporter> exporters = new ArrayList<>();
  private final BufferQueue queue =
      BufferQueue.named("frames").producer("decoder").consumer("encoder").slots(2);

  @AfterEach
  void everyBufferIsReleasedOnce() {
    camera.close();
    queue.close();
    assertThat(exporters)
        .allSatisfy(exporter -> assertThat(exporter.count(TestExporter.Call.RELEASE)).isEqualTo(1));
  }

  private DmaBuf buffer() {
    TestExporter exporter = new TestExporter();
    exporters.add(exporter);
    return exporter.object.export(TestExporter.SIZE, "buffer" + (exporters.size() - 1), null);
  }

  private BufferSlot attached() {
    return queue.tryAttach(buffer()).orElseThrow();
  }

  private BufferSlot acquired() {
    queue.queue(attached());
    return queue.tryAcquire().orElseThrow();
  }

  @Test
  void attachedHandle_isTheQueues_untilItIsDetached() throws InterruptedException {
    DmaBuf buffer = buffer();
    Fence filled = camera.newFence();
    BufferSlot slot = queue.attach(buffer);
    assertThat(slot.buffer()).isSameAs(buffer);
    assertThat(slot.fence()).isSameAs(Fence.stub());
    queue.queue(slot, filled);
    BufferSlot acquired = queue.acquire().orElseThrow();
    assertThat(acquired.index()).isEqualTo(slot.index());
    assertThat(acquired.buffer()).isSameAs(buffer);
    assertThat(acquired.fence()).isSameAs(filled);
    assertThat(queue.detach(acquired)).isSameAs(buffer);
    queue.close();
    assertThat(buffer.isClosed()).isFalse();
    buffer.close();
  }

  @Test
  void fenceOfADetachedBuffer_staysBehindWithNobody() {
    queue.queue(attached(), camera.newFence());
    queue.queue(attached(), camera.newFence());
    queue.detach(queue.tryAcquire().orElseThrow()).close();
    BufferSlot next = attached();
    assertThat(next.index()).isZero();
    assertThat(next.fence()).isSameAs(Fence.stub());
    queue.cancel(next);
  }

  @Test
  void withdraw_undoesAttach() {
    DmaBuf buffer = buffer();
    String before = queue.toString();
    assertThat(queue.withdraw(queue.tryAttach(buffer).orElseThrow())).isSameAs(buffer);
    assertThat(queue).hasToString(before);
    assertThat(before)
        .endsWith(
            "0 free, 0 with the producer decoder, 0 queued, 0 with the consumer encoder, 2 empty");
    buffer.close();
  }

  @Test
  void slotThatWasReleased_hasABuffer_andIsNoRoomForAnother() {
    queue.release(acquired());
    BufferSlot other = attached();
    DmaBuf third = buffer();
    assertThat(queue.tryAttach(third)).isEmpty();
    queue.withdraw(queue.tryDequeue().orElseThrow()).close();
    queue.cancel(queue.tryAttach(third).orElseThrow());
    queue.cancel(other);
  }

  @Test
  void attachWithoutRoom_leavesTheHandleToItsOwner_andTellsWhoHasEachBuffer() {
    BufferSlot acquired = acquired();
    queue.queue(attached());
    try (DmaBuf third = buffer()) {
      assertThat(queue.tryAttach(third)).isEmpty();
      for (Duration timeout : List.of(SHORT, Duration.ZERO)) {
        assertThatExceptionOfType(OutOfBuffersException.class)
            .isThrownBy(() -> queue.attach(third, timeout))
            .withMessageContaining(
                "the producer decoder didn't get an empty slot of buffer queue frames")
            .withMessageContaining("#0 (buffer0) is with the consumer encoder")
            .withMessageContaining("#1 (buffer1) is queued by")
            .withMessageContaining("Detach what is no longer used")
            .satisfies(e -> assertThat(e.operation()).isEqualTo("attach"))
            .satisfies(e -> assertThat(e.requestedBytes()).isEqualTo(TestExporter.SIZE))
            .satisfies(e -> assertThat(e.committedBytes()).isEqualTo(2 * TestExporter.SIZE));
      }
      assertThat(third.isClosed()).isFalse();
    }
    queue.detach(acquired).close();
  }

  @Test
  void emptySlots_areInTheReport() {
    BufferSlot slot = attached();
    assertThatExceptionOfType(NothingQueuedException.class)
        .isThrownBy(() -> queue.acquire(SHORT))
        .withMessageContaining("#0 (buffer0) is with the producer decoder")
        .withMessageContaining("#1 is empty");
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> queue.dequeue(SHORT))
        .withMessageContaining("didn't get a free buffer");
    queue.cancel(slot);
  }

  @Test
  void bufferThatIsInTheQueue_isRefused_unlessNeitherHandleCanWrite() {
    DmaBuf buffer = buffer();
    BufferSlot slot = queue.tryAttach(buffer).orElseThrow();
    try (DmaBuf again = buffer.dupReadOnly()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> queue.tryAttach(again))
          .withMessageContaining("is in slot 0 of buffer queue frames already");
      queue.withdraw(slot);
      queue.queue(queue.tryAttach(buffer.dupReadOnly()).orElseThrow());
      queue.queue(queue.tryAttach(buffer.dupReadOnly()).orElseThrow());
    }
    buffer.close();
  }

  @Test
  void closedHandle_isRefused() {
    DmaBuf buffer = buffer();
    buffer.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> queue.tryAttach(buffer))
        .withMessageContaining("closed handle");
    assertThat(queue.toString()).endsWith("2 empty");
  }

  @Test
  void slotThatTheHandDoesNotHave_isRefused() {
    BufferSlot attached = attached();
    assertThatIllegalStateException()
        .isThrownBy(() -> queue.detach(attached))
        .withMessageContaining("detach of slot 0")
        .withMessageContaining("doesn't have: it is with the producer");
    queue.queue(attached);
    BufferSlot acquired = queue.tryAcquire().orElseThrow();
    assertThatIllegalStateException()
        .isThrownBy(() -> queue.withdraw(acquired))
        .withMessageContaining("doesn't have: it is with the consumer");
    queue.detach(acquired).close();
    assertThatIllegalStateException()
        .isThrownBy(() -> queue.detach(acquired))
        .withMessageContaining("doesn't have: it is empty");
    assertThatIllegalStateException().isThrownBy(acquired::buffer);
  }

  @Test
  void noSlots_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BufferQueue.named("none").slots(0))
        .withMessageContaining("wanted slots of at least 1, got 0");
  }

  @Test
  void attachedBuffers_countAsTheProducers() {
    try (BufferQueue narrow = BufferQueue.named("narrow").maxDequeued(1).slots(2);
        DmaBuf second = buffer()) {
      BufferSlot slot = narrow.tryAttach(buffer()).orElseThrow();
      assertThatIllegalStateException()
          .isThrownBy(() -> narrow.tryAttach(second))
          .withMessageContaining("Queue, cancel or withdraw one first");
      narrow.cancel(slot);
    }
  }

  @Test
  void endOrClose_refusesWhatIsToBeAttached_andWhatIsInHandCanBeTakenOut() {
    BufferSlot acquired = acquired();
    BufferSlot attached = attached();
    queue.end();
    try (DmaBuf late = buffer()) {
      assertThatIllegalStateException()
          .isThrownBy(() -> queue.attachUninterruptibly(late, LONG))
          .withMessageContaining("whose stream was ended");
      queue.close();
      assertThatIllegalStateException()
          .isThrownBy(() -> queue.tryAttach(late))
          .withMessageContaining("which is closed");
    }
    queue.detach(acquired).close();
    queue.withdraw(attached).close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void attachThatWaits_endsWithRoomOrTheEnd(boolean closes) throws Exception {
    BufferSlot first = acquired();
    BufferSlot second = acquired();
    DmaBuf third = buffer();
    Threads.Started waiter =
        Threads.platform(
            () -> {
              try {
                queue.queue(queue.attachUninterruptibly(third, LONG));
                assertThat(closes).isFalse();
              } catch (IllegalStateException closed) {
                assertThat(closes).isTrue();
                third.close();
              }
            });
    Threads.until(() -> waiter.thread().getState() == Thread.State.TIMED_WAITING);
    if (closes) {
      queue.close();
    }
    queue.detach(first).close();
    waiter.join();
    queue.detach(second).close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void buffersFromOutside_keepTheOrderAndTheContent_andNoneIsLost(boolean virtual)
      throws Exception {
    long rounds = Scale.size(500_000, 20_000);
    BlockingQueue<DmaBuf> spare = new LinkedBlockingQueue<>();
    for (int i = 0; i < 4; i++) {
      spare.add(buffer());
    }
    AtomicLong received = new AtomicLong();
    Threads.together(
        virtual,
        List.of(
            () -> {
              for (long i = 0; i < rounds; i++) {
                long number = i;
                BufferSlot slot = queue.attach(spare.take(), LONG);
                slot.buffer().write(bytes -> bytes.set(JAVA_LONG, 0, number));
                queue.queue(slot);
              }
              queue.end();
            },
            () -> {
              for (Optional<BufferSlot> slot = queue.acquire(LONG);
                  slot.isPresent();
                  slot = queue.acquire(LONG)) {
                DmaBuf buffer = queue.detach(slot.orElseThrow());
                long number = buffer.read(bytes -> bytes.get(JAVA_LONG, 0));
                assertThat(number).isEqualTo(received.getAndIncrement());
                spare.add(buffer);
              }
            }));
    assertThat(received).hasValue(rounds);
    assertThat(spare).hasSize(4);
    spare.forEach(DmaBuf::close);
  }

  @Test
  void closeWhileBothHandsAreAtWork_losesNoHandle() throws Exception {
    for (var going = Threads.stressTime(); going.getAsBoolean(); ) {
      exporters.clear();
      BufferQueue closing = BufferQueue.named("closing").slots(2);
      List<DmaBuf> buffers = List.of(buffer(), buffer(), buffer());
      BlockingQueue<DmaBuf> spare = new LinkedBlockingQueue<>(buffers);
      AtomicLong handOvers = new AtomicLong();
      Threads.together(
          () -> {
            DmaBuf buffer = spare.take();
            try {
              while (true) {
                closing.queue(closing.attach(buffer, LONG));
                buffer = spare.take();
              }
            } catch (IllegalStateException closed) {
              buffer.close(); // still this thread's
            }
          },
          () -> {
            try {
              while (true) {
                spare.add(closing.detach(closing.acquire(LONG).orElseThrow()));
                handOvers.incrementAndGet();
              }
            } catch (IllegalStateException closed) {
              spare.add(buffer()); // the producer may wait for one
            }
          },
          () -> {
            Threads.until(() -> handOvers.get() > 5);
            closing.close();
          });
      spare.forEach(DmaBuf::close);
      everyBufferIsReleasedOnce();
    }
  }
}
