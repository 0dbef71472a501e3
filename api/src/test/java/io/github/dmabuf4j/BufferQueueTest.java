package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.QueueSlot.Place;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What one thread sees of a {@link BufferQueue}: turns, fences, limits, misuse, the end. */
final class BufferQueueTest {
  private static final Duration SHORT = Duration.ofMillis(1);

  private final FenceContext camera = FenceContext.builder("frames").driverName("camera").build();
  private final FenceContext screen = FenceContext.builder("scans").driverName("screen").build();
  private final List<TestExporter> exporters = new ArrayList<>();
  private final List<BufferQueue> queues = new ArrayList<>();

  @AfterEach
  void everythingIsGivenBack() {
    camera.close();
    screen.close();
    queues.forEach(BufferQueue::close);
    assertThat(exporters)
        .allSatisfy(exporter -> assertThat(exporter.count(TestExporter.Call.RELEASE)).isEqualTo(1));
  }

  private List<DmaBuf> buffers(int count) {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      exporters.add(new TestExporter());
      buffers.add(exporters.getLast().object.export(TestExporter.SIZE, "buffer" + i, null));
    }
    return buffers;
  }

  private BufferQueue queue(int count) {
    return queue(BufferQueue.named("frames").producer("decoder").consumer("encoder"), count);
  }

  private BufferQueue queue(BufferQueue.Builder builder, int count) {
    List<DmaBuf> buffers = buffers(count);
    queues.add(builder.over(buffers));
    buffers.forEach(DmaBuf::close);
    return queues.getLast();
  }

  private static BufferSlot dequeue(BufferProducer queue) {
    return queue.tryDequeue().orElseThrow();
  }

  private static BufferSlot acquire(BufferConsumer queue) {
    return queue.tryAcquire().orElseThrow();
  }

  private static BufferSlot queued(BufferQueue queue) {
    BufferSlot slot = dequeue(queue);
    queue.queue(slot);
    return slot;
  }

  private static BufferSlot acquired(BufferQueue queue) {
    queued(queue);
    return acquire(queue);
  }

  // ---- making one ----

  @Test
  void queue_takesReferencesOfItsOwn() throws InterruptedException {
    BufferQueue queue = queue(2);
    assertThat(queue.name()).isEqualTo("frames");
    assertThat(queue.size()).isEqualTo(2);
    BufferSlot slot = queue.dequeue();
    assertThat(slot.buffer().size()).isEqualTo(TestExporter.SIZE);
    assertThat(exporters).noneMatch(TestExporter::isReleased);
    queue.cancel(slot);
  }

  @Test
  void bufferGivenTwice_isRefused_andNothingIsKept() {
    List<DmaBuf> buffers = buffers(2);
    DmaBuf same = buffers.get(1).dup();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BufferQueue.of("frames", List.of(buffers.get(0), buffers.get(1), same)))
        .withMessageContaining("buffer1 twice")
        .withMessageContaining("frames");
    same.close();
    buffers.forEach(DmaBuf::close);
    assertThat(exporters).allMatch(TestExporter::isReleased);
  }

  @Test
  void closedHandle_isRefused_andNothingIsKept() {
    List<DmaBuf> buffers = buffers(2);
    buffers.get(1).close();
    assertThatIllegalStateException()
        .isThrownBy(() -> BufferQueue.of("frames", buffers))
        .withMessageContaining("buffer1");
    buffers.get(0).close();
    assertThat(exporters).allMatch(TestExporter::isReleased);
  }

  @Test
  void noBuffersOrNoTurns_areRefused() {
    BufferQueue.Builder builder = BufferQueue.named("frames");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.over(List.of()))
        .withMessageContaining("frames");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.maxAcquired(0))
        .withMessageContaining("maxAcquired");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.maxDequeued(-1))
        .withMessageContaining("-1");
  }

  // ---- turns ----

  @Test
  void buffers_goRoundInTheOrderInWhichTheyWereGivenBack() {
    BufferQueue queue = queue(3);
    BufferSlot first = dequeue(queue);
    BufferSlot second = dequeue(queue);
    queue.queue(second);
    queue.queue(first);
    BufferSlot oldest = acquire(queue);
    assertThat(oldest.index()).isEqualTo(second.index());
    BufferSlot last = acquire(queue);
    assertThat(last.index()).isEqualTo(first.index());
    queue.release(last);
    BufferSlot third = dequeue(queue);
    assertThat(third.index()).as("free from the start").isEqualTo(2);
    BufferSlot fourth = dequeue(queue);
    assertThat(fourth.index()).isEqualTo(first.index());
    assertThat(queue.tryDequeue()).isEmpty();
    assertThat(queue.tryAcquire()).isEmpty();
    assertThat(queue)
        .hasToString(
            "buffer queue frames: 0 free, 2 with the producer decoder, 0 queued, 1 with the"
                + " consumer encoder");
    queue.release(oldest);
    queue.cancel(third);
    queue.cancel(fourth);
  }

  @Test
  void slotOfABuffer_hasItsNumberAndItsBytes() {
    BufferQueue queue = queue(2);
    for (int i = 0; i < 4; i++) {
      BufferSlot slot = dequeue(queue);
      assertThat(slot.index()).isEqualTo(i % 2);
      assertThat(slot.buffer().name()).isEqualTo("buffer" + i % 2);
      assertThat(slot.toString()).contains("#" + i % 2).contains("buffer" + i % 2);
      queue.cancel(slot);
    }
  }

  @Test
  void allocate_makesItsOwnBuffers() throws InterruptedException {
    List<DmaBuf> buffers = buffers(3);
    BufferQueue queue =
        BufferQueue.named("frames")
            .allocate(new ListHeap(buffers), AllocationRequest.of(64).build(), 3);
    queues.add(queue);
    assertThat(buffers).allMatch(DmaBuf::isClosed);
    assertThat(queue.size()).isEqualTo(3);
  }

  @Test
  void allocate_ofMoreThanThereIs_isRefused_andNothingIsKept() {
    List<DmaBuf> buffers = buffers(2);
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(
            () ->
                BufferQueue.named("frames")
                    .allocate(new ListHeap(buffers), AllocationRequest.of(64).build(), 3))
        .withMessageContaining("wanted 3 buffers for buffer queue frames")
        .withMessageContaining("got 2")
        .satisfies(e -> assertThat(e.requestedBytes()).isEqualTo(3 * 64))
        .satisfies(e -> assertThat(e.limitBytes()).isEqualTo(ListHeap.LIMIT));
    assertThat(exporters).allMatch(TestExporter::isReleased);
  }

  // ---- fences ----

  @Test
  void pendingFences_arePassedOn_andNobodyWaitsForThem() {
    BufferQueue queue = queue(1);
    Fence filled = camera.newFence();
    Fence used = screen.newFence();
    BufferSlot slot = dequeue(queue);
    assertThat(slot.fence()).as("fresh").isSameAs(Fence.stub());
    queue.queue(slot, filled);
    slot = acquire(queue);
    assertThat(slot.fence()).isSameAs(filled);
    queue.release(slot, used);
    slot = dequeue(queue);
    assertThat(slot.fence()).isSameAs(used);
    assertThat(Leaks.callbacksOn(filled)).isZero();
    queue.cancel(slot);
  }

  @Test
  void whatHasSignaled_isNothingToWaitFor() {
    BufferQueue queue = queue(1);
    Fence filled = camera.newFence();
    Fence used = screen.newFence();
    BufferSlot slot = dequeue(queue);
    queue.queue(slot, filled);
    camera.signal(filled);
    slot = acquire(queue);
    assertThat(slot.fence()).as("signaled meanwhile").isSameAs(Fence.stub());
    screen.signal(used);
    queue.release(slot, used);
    slot = dequeue(queue);
    assertThat(slot.fence()).as("signaled before").isSameAs(Fence.stub());
    queue.cancel(slot);
  }

  @Test
  void fencesThatFailed_tellWhy() {
    BufferQueue queue = queue(2);
    Fence failed = camera.newFence();
    camera.fail(failed, new IllegalStateException("no light"));
    BufferSlot slot = dequeue(queue);
    queue.queue(slot, failed);
    slot = acquire(queue);
    assertThat(slot.fence()).isSameAs(failed);
    queue.release(slot);

    Fence abandoned = camera.newFence();
    slot = dequeue(queue);
    queue.queue(slot, abandoned);
    camera.close();
    slot = acquire(queue);
    assertThat(slot.fence().isSignaled()).isTrue();
    assertThat(slot.fence().error()).containsInstanceOf(FenceAbandonedException.class);
    queue.release(slot);
  }

  @Test
  void containers_areAccepted() {
    BufferQueue queue = queue(1);
    Fence one = camera.newFence();
    Fence other = screen.newFence();
    BufferSlot slot = dequeue(queue);
    FenceArray both = FenceArray.all(List.of(one, other));
    queue.queue(slot, both);
    slot = acquire(queue);
    assertThat(slot.fence()).isSameAs(both);
    camera.signal(one);
    screen.signal(other);
    queue.release(slot, both);
    slot = dequeue(queue);
    assertThat(slot.fence()).isSameAs(Fence.stub());
    Fence next = camera.newFence();
    queue.queue(slot, FenceChain.append(null, next, 1));
    slot = acquire(queue);
    assertThat(slot.fence()).isInstanceOf(FenceChain.class);
    camera.signal(next);
    queue.release(slot);
  }

  @Test
  void slotGivenBackWithoutAFence_keepsTheOneItCameWith() {
    BufferQueue queue = queue(1);
    Fence filled = camera.newFence();
    BufferSlot slot = dequeue(queue);
    queue.queue(slot, filled);
    slot = acquire(queue);
    queue.release(slot); // dropped without a look: the camera is still at it
    slot = dequeue(queue);
    assertThat(slot.fence()).isSameAs(filled);
    queue.cancel(slot);
    slot = dequeue(queue);
    assertThat(slot.fence()).isSameAs(filled);
    queue.queue(slot);
    slot = acquire(queue);
    assertThat(slot.fence()).isSameAs(filled);
    queue.release(slot);
    slot = dequeue(queue);
    Fence begun = camera.newFence();
    queue.cancel(slot, begun);
    slot = dequeue(queue);
    assertThat(slot.fence()).isSameAs(begun);
    queue.cancel(slot);
  }

  // ---- starvation and limits ----

  @Test
  void starvedProducer_isToldWhoHasEachBuffer() throws Exception {
    BufferQueue queue = queue(3);
    Fence filled = camera.newFence();
    AtomicReference<BufferSlot> acquired = new AtomicReference<>();
    Threads.Started taker =
        Threads.platform(
            () -> {
              queue.queue(dequeue(queue), filled);
              Thread.currentThread().setName("mux");
              acquired.set(acquire(queue));
            });
    taker.join();
    queued(queue);
    BufferSlot dequeued = dequeue(queue);
    assertThatExceptionOfType(OutOfBuffersException.class)
        .isThrownBy(() -> queue.dequeue(SHORT))
        .withMessageContaining(
            "the producer decoder didn't get a free buffer of buffer queue frames")
        .withMessageContaining("within " + SHORT)
        .withMessageContaining("#0 (buffer0) is with the consumer encoder, acquired by Thread[")
        .withMessageContaining("mux")
        .withMessageContaining("and there is fence camera/frames")
        .withMessageContaining("#1 (buffer1) is queued by " + Thread.currentThread())
        .withMessageContaining(
            "#2 (buffer2) is with the producer decoder, dequeued by " + Thread.currentThread())
        .withMessageContaining(" ago")
        .satisfies(e -> assertThat(e.errno()).contains(Errno.ETIME))
        .satisfies(e -> assertThat(e.operation()).isEqualTo("dequeue"))
        .satisfies(e -> assertThat(e.requestedBytes()).isEqualTo(TestExporter.SIZE))
        .satisfies(e -> assertThat(e.committedBytes()).isEqualTo(3 * TestExporter.SIZE))
        .satisfies(e -> assertThat(e.limitBytes()).isEqualTo(3 * TestExporter.SIZE));
    camera.signal(filled);
    queue.cancel(dequeued);
    queue.release(acquired.get());
  }

  @Test
  void starvedConsumer_isToldWhoHasEachBuffer() {
    BufferQueue queue = queue(2);
    BufferSlot slot = dequeue(queue);
    for (Duration timeout : List.of(SHORT, Duration.ZERO, Duration.ofSeconds(-1))) {
      assertThatExceptionOfType(NothingQueuedException.class)
          .isThrownBy(() -> queue.acquire(timeout))
          .withMessageContaining("the consumer encoder didn't get a buffer queued in")
          .withMessageContaining("#0 (buffer0) is with the producer decoder")
          .withMessageContaining("#1 (buffer1) is free")
          .satisfies(e -> assertThat(e.errno()).contains(Errno.ETIME))
          .satisfies(e -> assertThat(e.operation()).isEqualTo("acquire"));
    }
    queue.cancel(slot);
  }

  @Test
  void handsWithoutNames_areNamedByWhatTheyAre() {
    BufferQueue queue = queue(BufferQueue.named("frames"), 1);
    assertThat(queue.toString()).contains("0 with the producer,").contains("0 with the consumer");
  }

  @Test
  void consumerThatKeepsMoreThanItMay_isToldWhichItHas() {
    BufferQueue queue = queue(BufferQueue.named("frames").consumer("encoder").maxAcquired(2), 4);
    BufferSlot first = acquired(queue);
    BufferSlot second = acquired(queue);
    queued(queue);
    for (Runnable taking :
        List.<Runnable>of(
            queue::tryAcquire,
            () -> queue.acquireUninterruptibly(Duration.ZERO),
            () -> queue.acquireUninterruptibly(Duration.ofSeconds(Threads.LIMIT_SECONDS)))) {
      assertThatIllegalStateException()
          .isThrownBy(taking::run)
          .withMessageContaining(
              "the consumer encoder has as many buffers of buffer queue frames as it may, 2: ")
          .withMessageContaining("#0 (buffer0) is with the consumer encoder, acquired by Thread[")
          .withMessageContaining("#1 (buffer1)")
          .withMessageContaining("maxAcquired")
          .satisfies(e -> assertThat(e).hasMessageNotContaining("buffer2"));
    }
    queue.release(second);
    queue.release(acquire(queue));
    queue.release(first);
  }

  @Test
  void producerThatKeepsMoreThanItMay_isToldWhichItHas() {
    BufferQueue queue = queue(BufferQueue.named("frames").maxDequeued(1), 4);
    BufferSlot slot = dequeue(queue);
    assertThatIllegalStateException()
        .isThrownBy(queue::tryDequeue)
        .withMessageContaining("the producer has as many buffers of buffer queue frames as it may")
        .withMessageContaining("maxDequeued");
    queue.cancel(slot);
    queue.cancel(dequeue(queue));
  }

  @Test
  void limitAboveTheNumberOfBuffers_isNone() {
    BufferQueue queue = queue(BufferQueue.named("frames").maxDequeued(9).maxAcquired(9), 1);
    BufferSlot slot = dequeue(queue);
    assertThat(queue.tryDequeue()).isEmpty();
    queue.queue(slot);
    slot = acquire(queue);
    assertThat(queue.tryAcquire()).isEmpty();
    queue.release(slot);
  }

  // ---- misuse ----

  /** Each way to give back a slot, with each place where it isn't to be given back from. */
  static Stream<Arguments> misuses() {
    return Stream.of("queue", "cancel", "release")
        .flatMap(
            operation ->
                Stream.of(Place.FREE, Place.PRODUCER, Place.QUEUED, Place.CONSUMER)
                    .filter(place -> place != from(operation))
                    .map(place -> Arguments.of(operation, place)));
  }

  private static Place from(String operation) {
    return operation.equals("release") ? Place.CONSUMER : Place.PRODUCER;
  }

  @ParameterizedTest
  @MethodSource("misuses")
  void slotThatTheHandDoesNotHave_isRefused_andStaysWhereItIs(String operation, Place place) {
    BufferQueue queue = queue(4);
    BufferSlot acquired = acquired(queue);
    BufferSlot queued = queued(queue);
    BufferSlot dequeued = dequeue(queue);
    BufferSlot free = dequeue(queue);
    queue.cancel(free);
    BufferSlot slot =
        switch (place) {
          case FREE -> free;
          case PRODUCER -> dequeued;
          case QUEUED -> queued;
          default -> acquired;
        };
    String before = queue.toString();
    assertThatIllegalStateException()
        .isThrownBy(() -> give(queue, operation, slot))
        .withMessageContaining(operation + " of slot " + slot.index() + " of buffer queue frames")
        .withMessageContaining("doesn't have: it is " + place.inWords);
    assertThat(queue).hasToString(before);
    queue.release(acquired);
    queue.cancel(dequeued);
    queue.release(acquire(queue));
    assertThat(queue.toString()).contains("4 free");
  }

  private static void give(BufferQueue queue, String operation, BufferSlot slot) {
    switch (operation) {
      case "queue" -> queue.queue(slot, Fence.stub());
      case "cancel" -> queue.cancel(slot, Fence.stub());
      default -> queue.release(slot, Fence.stub());
    }
  }

  @Test
  void slotOfAnotherQueue_isRefused() {
    BufferQueue queue = queue(1);
    BufferQueue other = queue(BufferQueue.named("other"), 1);
    BufferSlot slot = dequeue(other);
    BufferSlot own = dequeue(queue);
    for (BufferSlot foreign : List.of(slot, new ForeignSlot(own))) {
      for (String operation : List.of("queue", "cancel", "release")) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> give(queue, operation, foreign))
            .withMessageContaining(operation + " wants a slot of buffer queue frames");
      }
    }
    other.cancel(slot);
    queue.cancel(own);
  }

  /** A slot that no queue has made. */
  private record ForeignSlot(BufferSlot slot) implements BufferSlot {
    @Override
    public int index() {
      return slot.index();
    }

    @Override
    public DmaBuf buffer() {
      return slot.buffer();
    }

    @Override
    public Fence fence() {
      return slot.fence();
    }
  }

  @Test
  @ValidatorOn
  void slotOfAnEarlierTurn_isFoundByTheValidator() {
    BufferQueue queue = queue(1);
    BufferSlot earlier = dequeue(queue);
    queue.queue(earlier);
    for (Runnable use : List.<Runnable>of(earlier::buffer, earlier::fence)) {
      assertThatIllegalStateException()
          .isThrownBy(use::run)
          .withMessageContaining("slot 0 of buffer queue frames, which was given back");
    }
    queue.release(acquire(queue));
    BufferSlot present = dequeue(queue);
    assertThatIllegalStateException().isThrownBy(earlier::buffer);
    for (String operation : List.of("queue", "cancel")) {
      assertThatIllegalStateException()
          .isThrownBy(() -> give(queue, operation, earlier))
          .withMessageContaining("another turn");
    }
    queue.cancel(present);
  }

  // ---- the end ----

  @Test
  void end_letsTheConsumerTakeWhatIsQueued_andThenTellsIt() throws InterruptedException {
    BufferQueue queue = queue(3);
    queued(queue);
    BufferSlot unfinished = dequeue(queue);
    queue.end();
    queue.end();
    assertThat(queue.isDrained()).isFalse();
    assertThatIllegalStateException()
        .isThrownBy(() -> queue.queue(unfinished))
        .withMessageContaining("ended")
        .withMessageContaining("cancel");
    queue.cancel(unfinished);
    for (Runnable taking : List.<Runnable>of(queue::tryDequeue, () -> dequeueNow(queue))) {
      assertThatIllegalStateException().isThrownBy(taking::run).withMessageContaining("ended");
    }
    BufferSlot last = queue.acquire().orElseThrow();
    assertThat(queue.isDrained()).isTrue();
    assertThat(queue.acquire()).isEmpty();
    assertThat(queue.acquireUninterruptibly(Duration.ZERO)).isEmpty();
    assertThat(queue.tryAcquire()).isEmpty();
    queue.release(last);
    assertThat(queue.toString()).endsWith(", ended");
  }

  private static void dequeueNow(BufferProducer queue) {
    queue.dequeueUninterruptibly(Duration.ZERO);
  }

  @Test
  void endOfAnEmptyStream_isToldAlsoToAConsumerThatHasAllItMay() {
    BufferQueue queue = queue(BufferQueue.named("frames").maxAcquired(1), 2);
    BufferSlot slot = acquired(queue);
    queue.end();
    assertThat(queue.tryAcquire()).isEmpty();
    assertThat(queue.acquireUninterruptibly(SHORT)).isEmpty();
    queue.release(slot);
  }

  @Test
  void close_givesUpReferences_asTheFencesSignal() {
    BufferQueue queue = queue(4);
    Fence filled = camera.newFence();
    Fence used = screen.newFence();
    BufferSlot queued = dequeue(queue);
    queue.queue(queued, filled);
    BufferSlot acquired = dequeue(queue);
    BufferSlot dequeued = dequeue(queue);
    queue.queue(acquired, Fence.stub());
    BufferSlot dropped = acquire(queue);
    queue.release(dropped); // still filled by the camera
    acquired = acquire(queue);
    queue.close();
    queue.close();
    assertThat(queue.isClosed()).isTrue();
    assertThat(queue.toString()).endsWith(", closed");
    assertThat(exporters.stream().map(TestExporter::isReleased))
        .as("pending, acquired, dequeued, free")
        .containsExactly(false, false, false, true);
    queue.release(acquired, used);
    queue.queue(dequeued);
    assertThat(exporters.stream().map(TestExporter::isReleased))
        .containsExactly(false, false, true, true);
    screen.signal(used);
    assertThat(exporters.stream().map(TestExporter::isReleased))
        .containsExactly(false, true, true, true);
    camera.signal(filled);
    assertThat(exporters).allMatch(TestExporter::isReleased);
    BufferSlot again = acquired;
    assertThatIllegalStateException()
        .isThrownBy(() -> queue.release(again))
        .withMessageContaining("closed");
  }

  @Test
  void close_dropsWhatIsQueued_andRefusesEverybodyWhoWantsMore() {
    BufferQueue queue = queue(2);
    queued(queue);
    queue.close();
    assertThat(exporters).allMatch(TestExporter::isReleased);
    for (Runnable taking :
        List.<Runnable>of(
            queue::tryDequeue,
            queue::tryAcquire,
            () -> queue.dequeueUninterruptibly(Duration.ofSeconds(Threads.LIMIT_SECONDS)),
            () -> queue.acquireUninterruptibly(Duration.ofSeconds(Threads.LIMIT_SECONDS)))) {
      assertThatIllegalStateException()
          .isThrownBy(taking::run)
          .withMessageContaining("buffer queue frames, which is closed");
    }
    queue.end();
  }

  @Test
  void close_givesUpAllReferences_thoughOneReleaseFails() {
    BufferQueue queue = queue(3);
    exporters.get(0).failNext(TestExporter.Call.RELEASE, new IllegalStateException("stuck"));
    assertThatIllegalStateException().isThrownBy(queue::close).withMessage("stuck");
    assertThat(exporters).allMatch(TestExporter::isReleased);
  }
}
