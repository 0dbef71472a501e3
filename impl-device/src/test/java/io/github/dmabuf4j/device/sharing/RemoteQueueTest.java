package io.github.dmabuf4j.device.sharing;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.NothingQueuedException;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A queue whose hands are at two ends of a connection. */
final class RemoteQueueTest {
  private static final Duration SOON = Duration.ofSeconds(20);
  private static final int SLOTS = 3;

  private OpenFiles before;
  private BufferProducer producer;
  private BufferConsumer consumer;

  @BeforeEach
  void begin() throws Exception {
    before = OpenFiles.now();
    open(Access.READ);
  }

  private void open(Access access) throws Exception {
    List<BufferConnection> pair = BufferConnection.pair();
    List<DmaBuf> buffers = TestBuffers.allocate(SLOTS);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<BufferProducer> offered =
          threads.submit(() -> pair.getFirst().offerQueue("frames", buffers, access, SOON));
      consumer = pair.getLast().awaitQueue(SOON);
      producer = offered.get();
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }

  private void close() {
    producer.close();
    consumer.close();
  }

  @AfterEach
  void nothingStaysOpen() {
    close();
    before.assertSameSoon();
  }

  private static void put(BufferSlot slot, int value) throws InterruptedException {
    slot.buffer().write(bytes -> bytes.set(JAVA_INT, 0, value));
  }

  private static int value(BufferSlot slot) throws InterruptedException {
    return slot.buffer().<Integer, RuntimeException>read(bytes -> bytes.get(JAVA_INT, 0));
  }

  @Test
  void frames_arriveInOrder_inTheSameMemory_andGoRound() throws InterruptedException {
    for (int i = 0; i < 10 * SLOTS; i++) {
      BufferSlot full = producer.dequeue(SOON);
      put(full, i);
      producer.queue(full);
      BufferSlot got = consumer.acquire(SOON).orElseThrow();
      assertThat(value(got)).isEqualTo(i);
      assertThat(got.index()).isEqualTo(full.index());
      consumer.release(got);
    }
  }

  @Test
  void consumer_mayReleaseInAnyOrder() throws InterruptedException {
    for (int i = 0; i < SLOTS; i++) {
      BufferSlot slot = producer.dequeue(SOON);
      put(slot, i);
      producer.queue(slot);
    }
    BufferSlot first = consumer.acquire(SOON).orElseThrow();
    BufferSlot second = consumer.acquire(SOON).orElseThrow();
    BufferSlot third = consumer.acquire(SOON).orElseThrow();
    List<Integer> released = List.of(third.index(), first.index(), second.index());
    consumer.release(third);
    consumer.release(first);
    consumer.release(second);
    for (int index : released) {
      BufferSlot slot = producer.dequeue(SOON);
      assertThat(slot.index()).isEqualTo(index);
      put(slot, 10 + index);
      producer.queue(slot);
    }
    for (int index : released) {
      BufferSlot slot = consumer.acquire(SOON).orElseThrow();
      assertThat(value(slot)).isEqualTo(10 + index);
      consumer.release(slot);
    }
  }

  @Test
  void producer_getsNoMoreThanThereAre_untilTheConsumerReleases() throws InterruptedException {
    for (int i = 0; i < SLOTS; i++) {
      producer.queue(producer.dequeue(SOON));
    }
    assertThat(producer.tryDequeue()).isEmpty();
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> producer.dequeue(Duration.ofMillis(5)))
        .withMessageContaining("with the consumer in process " + ProcessHandle.current().pid());
    consumer.release(consumer.acquire(SOON).orElseThrow());
    producer.cancel(producer.dequeue(SOON));
  }

  @Test
  void consumer_waitsInVain_isToldSo() {
    assertThatExceptionOfType(NothingQueuedException.class)
        .isThrownBy(() -> consumer.acquire(Duration.ofMillis(5)))
        .withMessageContaining("with the producer in process " + ProcessHandle.current().pid());
  }

  @Test
  void waitOfLessThanNothing_onlyLooks() {
    assertThatExceptionOfType(NothingQueuedException.class)
        .isThrownBy(() -> consumer.acquire(Duration.ofSeconds(Long.MIN_VALUE)));
  }

  @Test
  void fences_crossBothWays() throws InterruptedException {
    try (FenceContext filling = FenceContext.create("filling");
        FenceContext using = FenceContext.create("using")) {
      Fence filled = filling.newFence();
      producer.queue(producer.dequeue(SOON), filled);
      BufferSlot got = consumer.acquire(SOON).orElseThrow();
      assertThat(got.fence().isSignaled()).isFalse();
      filling.signal(filled);
      assertThat(got.fence().await(SOON)).isTrue();

      Fence used = using.newFence();
      consumer.release(got, used);
      BufferSlot again = slot(got.index());
      assertThat(again.fence().isSignaled()).isFalse();
      using.fail(used, new IllegalStateException("lost"));
      assertThat(again.fence().await(SOON)).isTrue();
      assertThat(again.fence().error()).isPresent();
      producer.cancel(again);
    }
  }

  /** Dequeues until that one comes. */
  private BufferSlot slot(int index) throws InterruptedException {
    while (true) {
      BufferSlot slot = producer.dequeue(SOON);
      if (slot.index() == index) {
        return slot;
      }
      producer.cancel(slot);
    }
  }

  @Test
  void readOnlyConsumer_cannotWrite() throws InterruptedException {
    producer.queue(producer.dequeue(SOON));
    BufferSlot slot = consumer.acquire(SOON).orElseThrow();
    assertThat(slot.buffer().isReadOnly()).isTrue();
    assertThatIllegalStateException().isThrownBy(() -> put(slot, 1));
    consumer.release(slot);
  }

  @Test
  void writingConsumer_canWrite() throws Exception {
    close();
    open(Access.READ_WRITE);
    producer.queue(producer.dequeue(SOON));
    BufferSlot slot = consumer.acquire(SOON).orElseThrow();
    put(slot, 77);
    int index = slot.index();
    consumer.release(slot);
    BufferSlot back = slot(index);
    assertThat(value(back)).isEqualTo(77);
    producer.cancel(back);
  }

  @Test
  void stream_ends_afterWhatWasQueued_alsoIfTheProducerClosesAtOnce() throws InterruptedException {
    for (int i = 0; i < 2; i++) {
      BufferSlot slot = producer.dequeue(SOON);
      put(slot, i);
      producer.queue(slot);
    }
    producer.end();
    producer.close();
    for (int i = 0; i < 2; i++) {
      BufferSlot slot = consumer.acquire(SOON).orElseThrow();
      assertThat(value(slot)).isEqualTo(i);
      consumer.release(slot);
    }
    assertThat(consumer.acquire(SOON)).isEmpty();
    assertThat(consumer.isDrained()).isTrue();
  }

  @Test
  void stream_ends_afterWhatWasQueued_alsoIfTheProducerLeftReleasesUnread()
      throws InterruptedException {
    producer.queue(producer.dequeue(SOON));
    producer.queue(producer.dequeue(SOON));
    consumer.release(consumer.acquire(SOON).orElseThrow());
    producer.end();
    producer.close();
    consumer.release(consumer.acquire(SOON).orElseThrow());
    assertThat(consumer.acquire(SOON)).isEmpty();
  }

  @Test
  void producer_thatClosesWithoutEnding_isGone() {
    producer.close();
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(() -> consumer.acquire(SOON))
        .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.GONE))
        .withMessageEndingWith("when it runs again [ECONNRESET]");
  }

  @Test
  void consumer_thatCloses_isGone_andItsBuffersAreFreed() throws InterruptedException {
    producer.queue(producer.dequeue(SOON));
    BufferSlot mine = producer.dequeue(SOON);
    consumer.close();
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(
            () -> {
              while (true) {
                producer.cancel(producer.dequeue(SOON));
              }
            })
        .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.GONE));
    producer.queue(mine); // as in a queue that was closed meanwhile: dropped
  }

  @Test
  void buffers_cannotBeAttachedOrTakenOut() throws InterruptedException {
    BufferSlot slot = producer.dequeue(SOON);
    try (DmaBuf other = TestBuffers.allocate("another")) {
      assertThatExceptionOfType(UnsupportedOperationException.class)
          .isThrownBy(() -> producer.attach(other, SOON));
      assertThatExceptionOfType(UnsupportedOperationException.class)
          .isThrownBy(() -> producer.withdraw(slot));
    }
    producer.queue(slot);
    BufferSlot got = consumer.acquire(SOON).orElseThrow();
    assertThatExceptionOfType(UnsupportedOperationException.class)
        .isThrownBy(() -> consumer.detach(got));
    consumer.release(got);
  }

  @Test
  void slot_thatWasGivenBack_isRefused_andTheQueueGoesOn() throws InterruptedException {
    BufferSlot slot = producer.dequeue(SOON);
    producer.queue(slot);
    assertThatIllegalStateException().isThrownBy(() -> producer.queue(slot));
    BufferSlot got = consumer.acquire(SOON).orElseThrow();
    assertThatIllegalArgumentException().isThrownBy(() -> producer.cancel(got));
    consumer.release(got);
    assertThatIllegalStateException().isThrownBy(() -> consumer.release(got));
    producer.cancel(producer.dequeue(SOON));
  }

  @Test
  void manyThreads_oneHandEach_loseAndDoubleNothing() throws Exception {
    int frames = 600;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> producers = new ArrayList<>();
      for (int t = 0; t < 3; t++) {
        producers.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < frames / 3; i++) {
                    BufferSlot slot = producer.dequeue(SOON);
                    put(slot, 1);
                    producer.queue(slot);
                  }
                  return null;
                }));
      }
      List<Future<Integer>> sums =
          List.of(threads.submit(() -> sum(frames / 2)), threads.submit(() -> sum(frames / 2)));
      assertThat(sums.get(0).get() + sums.get(1).get()).isEqualTo(frames);
      for (Future<?> one : producers) {
        one.get();
      }
    }
  }

  @Test
  void platformThreads_whoWaitInTheKernel_handOnAsWell_andHearInterrupts() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      Future<Integer> sum = threads.submit(() -> sum(300));
      Future<Integer> other = threads.submit(() -> sum(300));
      for (int i = 0; i < 600; i++) {
        BufferSlot slot = producer.dequeue(SOON);
        put(slot, 1);
        producer.queue(slot);
      }
      assertThat(sum.get() + other.get()).isEqualTo(600);

      Future<?> waiting = threads.submit(() -> consumer.acquire(SOON));
      assertThat(waiting.cancel(true)).isTrue();
      threads.shutdown();
      assertThat(threads.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void slot_thatIsCancelled_wakesWhoWaitsForThePeer() throws Exception {
    List<BufferSlot> all = new ArrayList<>();
    for (int i = 0; i < SLOTS; i++) {
      all.add(producer.dequeue(SOON));
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
      Future<BufferSlot> waiting = threads.submit(() -> producer.dequeue(SOON));
      producer.cancel(all.getFirst());
      producer.cancel(waiting.get());
      all.subList(1, SLOTS).forEach(producer::cancel);
    }
  }

  @Test
  void platformAndVirtualThread_thatWaitTogether_eachGetOneOfTwoFrames() throws Exception {
    try (ExecutorService platform = Executors.newFixedThreadPool(1);
        ExecutorService virtual = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 3000; i++) {
        Future<BufferSlot> inTheKernel = platform.submit(() -> acquireOne());
        Future<BufferSlot> withThePoller = virtual.submit(() -> acquireOne());
        producer.queue(producer.dequeue(SOON));
        producer.queue(producer.dequeue(SOON));
        consumer.release(inTheKernel.get(SOON.toSeconds(), TimeUnit.SECONDS));
        consumer.release(withThePoller.get(SOON.toSeconds(), TimeUnit.SECONDS));
      }
    }
  }

  @Test
  void queueWhoseProducerIsGoneBeforeItIsTaken_leavesNothingOpen() {
    List<BufferConnection> ends = BufferConnection.pair();
    List<DmaBuf> buffers = TestBuffers.allocate(2);
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(
            () -> ends.getFirst().offerQueue("q", buffers, Access.READ_WRITE, Duration.ZERO));
    buffers.forEach(DmaBuf::close);
    assertThatExceptionOfType(PeerException.class)
        .isThrownBy(() -> ends.getLast().awaitQueue(SOON)); // and nothingStaysOpen
  }

  /** Waits for longer than the test does: a wait that ends by its time is a wake-up lost. */
  private BufferSlot acquireOne() throws InterruptedException {
    return consumer.acquire(SOON.multipliedBy(100)).orElseThrow();
  }

  private int sum(int count) throws InterruptedException {
    int sum = 0;
    for (int i = 0; i < count; i++) {
      BufferSlot slot = consumer.acquire(SOON).orElseThrow();
      sum += value(slot);
      consumer.release(slot);
    }
    return sum;
  }

  @Test
  void sendingThatTheKernelRefuses_isSaidToBeAboutSending() {
    OwnedFd closed =
        new OwnedFd() {
          @Override
          public int fd() {
            return Integer.MAX_VALUE;
          }

          @Override
          public int detach() {
            return Integer.MAX_VALUE;
          }

          @Override
          public void close() {}
        };
    PeerException problem =
        ((QueueEnd) producer)
            .send(
                FrameKind.QUEUED,
                new Token(0, 1, FenceForm.EVENT, 0, 0),
                new PeerFences.Outgoing(FenceForm.EVENT, closed, null));
    assertThat(problem)
        .isNotNull()
        .hasMessageContaining("nothing more could be sent to process")
        .hasMessageContaining("sendmsg")
        .hasMessageNotContaining("could not be taken");
  }
}
