package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceAbandonedException;
import io.github.dmabuf4j.FenceArray;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceTimeoutException;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.EventTimer;
import io.github.dmabuf4j.device.linux.EventValue;
import io.github.dmabuf4j.device.linux.FreshPoller;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Design rules FN6 and DV5, with both sides in this process. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class EventFencesTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final Poller POLLER = Poller.ofThisProcess();

  private final int before = open();
  private final EventFences peer = new EventFences("peer 17");
  private final FenceContext stage = FenceContext.create("stage");

  private static int open() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  @AfterEach
  void nothingIsLeft() {
    stage.close();
    peer.close();
    awaitClosed(0);
  }

  /** Descriptors of the peer are closed by a thread of its own, which may take a moment. */
  private void awaitClosed(int rest) {
    awaitUntil(() -> open() == before + rest);
  }

  private static void awaitUntil(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - start).isLessThan(LONG.toNanos());
      Thread.onSpinWait();
    }
  }

  /** Exports a fence and takes it back as the peer would. */
  private Fence sent(Fence fence) {
    return peer.importFence(peer.exportFence(fence).detach());
  }

  private static Descriptor counter() {
    return EventCounter.create(Descriptor.Kind.FENCE, "EventFencesTest");
  }

  /** The value once there is one. */
  private static OptionalLong told(Descriptor exported) throws InterruptedException {
    assertThat(Poller.ofThisProcess().await(exported, Poller.IN, LONG.toNanos())).isTrue();
    return EventValue.of(exported);
  }

  // ---- out ----

  @Test
  void fn6_exportedFence_isReadableOnceItSignals_andStaysSo() throws Exception {
    Fence fence = stage.newFence();
    try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
      assertThat(Poller.look(exported, Poller.IN)).isZero();
      assertThat(EventValue.of(exported)).hasValue(0);
      stage.signal(fence);
      assertThat(told(exported)).hasValue(1);
      assertThat(told(exported)).hasValue(1);
    }
  }

  @Test
  void failure_isToldByItsNumber() throws Exception {
    Fence known = stage.newFence();
    Fence unknown = stage.newFence();
    try (Descriptor first = (Descriptor) peer.exportFence(known);
        Descriptor second = (Descriptor) peer.exportFence(unknown)) {
      stage.fail(known, new DmaBufException("work", Errno.EIO, "failed on purpose", null));
      stage.fail(unknown, new IllegalStateException("failed on purpose"));
      assertThat(told(first)).hasValue(1 + Errno.EIO.number());
      assertThat(told(second)).hasValue(1 + Errno.ECANCELED.number());
    }
  }

  @Test
  void fenceThatHasSignaled_isReadableAtOnce() throws Exception {
    try (Descriptor exported = (Descriptor) peer.exportFence(Fence.stub())) {
      assertThat(told(exported)).hasValue(1);
    }
  }

  @Test
  void fn1_lostProducer_isToldAsAFailure() throws Exception {
    Fence fence = stage.newFence();
    try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
      stage.close();
      assertThat(told(exported)).hasValue(1 + Errno.ECANCELED.number());
    }
  }

  @Test
  void container_isExportedAsAnyOtherFence() throws Exception {
    FenceContext second = FenceContext.create("second");
    Fence one = stage.newFence();
    Fence other = second.newFence();
    try (Descriptor exported = (Descriptor) peer.exportFence(FenceArray.all(List.of(one, other)))) {
      stage.signal(one);
      assertThat(EventValue.of(exported)).hasValue(0);
      second.signal(other);
      assertThat(told(exported)).hasValue(1);
    }
    second.close();
  }

  // ---- peers that hold up whoever signals ----

  @Test
  void dv5_peerThatTakesTheRoomOfItsEvent_andHasItBlock_holdsNobodyUp() throws Exception {
    Fence fence = stage.newFence();
    try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
      hold(exported);
      signaledByAnotherThread(() -> stage.signal(fence));
      assertThat(told(exported)).hasValue(1);
    }
  }

  @Test
  void dv5_peerThatHasItsEventBlock_andUsesItAllTheTime_holdsNobodyUp() throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    for (int round = 0; round < 20; round++) {
      Fence fence = stage.newFence();
      try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
        isOver.set(false);
        hold(exported);
        Thread hostile =
            Thread.ofPlatform()
                .daemon()
                .start(
                    () -> {
                      while (!isOver.get()) {
                        EventTimer.set(exported, 77);
                        takeOut(exported);
                      }
                    });
        signaledByAnotherThread(() -> stage.signal(fence));
        isOver.set(true);
        hostile.join();
      }
    }
  }

  /** As for any duplicate: has writing wait for room, and leaves none. */
  private static void hold(Descriptor exported) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment most = arena.allocateFrom(ValueLayout.JAVA_LONG, -2);
      int _ = exported.use(fd -> (int) Syscalls.write(fd, most));
      int blocking = exported.use(fd -> Syscalls.fcntl(fd, linux_h.F_SETFL(), 0));
      assertThat(blocking).isZero();
    }
  }

  private static void takeOut(Descriptor exported) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_LONG);
      int _ = exported.use(fd -> (int) Syscalls.read(fd, value));
    }
  }

  /** On a thread that may hang in the kernel, which nothing interrupts. */
  private static void signaledByAnotherThread(Runnable signal) throws InterruptedException {
    Thread signaling = Thread.ofPlatform().daemon().start(signal);
    assertThat(signaling.join(Duration.ofSeconds(20))).as("signal() came back").isTrue();
  }

  // ---- in ----

  @Test
  void eventfdOfAnotherProgram_isTakenAsWell() throws Exception {
    try (Descriptor theirs = counter()) {
      Fence imported = peer.importFence(theirs.duplicate("EventFencesTest").detach());
      assertThat(imported.isSignaled()).isFalse();
      EventCounter.add(theirs, 1);
      assertThat(imported.await(LONG)).isTrue();
      assertThat(imported.error()).isEmpty();
    }
  }

  @Test
  void dv5_valueThatWasTakenOut_failsTheFence_orNothingHappens() throws Exception {
    Fence fence = stage.newFence();
    try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
      Fence imported = peer.importFence(exported.duplicate("EventFencesTest").detach());
      stage.signal(fence);
      takeOut(exported);
      if (!imported.await(Duration.ofMillis(20))) { // nobody saw it
        EventTimer.set(exported, 5000);
      }
      assertThat(imported.await(LONG)).isTrue();
    }
  }

  @Test
  void fn6_importedFence_signalsWithThePeers() throws Exception {
    Fence fence = stage.newFence();
    Fence imported = sent(fence);
    assertThat(imported.isSignaled()).isFalse();
    assertThat(imported.kind()).isEqualTo(Fence.Kind.HOST);
    assertThat(imported.driverName()).isEqualTo("peer 17");
    stage.signal(fence);
    assertThat(imported.await(LONG)).isTrue();
    assertThat(imported.error()).isEmpty();
  }

  @Test
  void importedFence_failsAsThePeers() throws Exception {
    Fence fence = stage.newFence();
    Fence imported = sent(fence);
    stage.fail(fence, new DmaBufException("work", Errno.EIO, "failed on purpose", null));
    assertThat(imported.await(LONG)).isTrue();
    assertThat(imported.error().orElseThrow())
        .isInstanceOf(DmaBufException.class)
        .hasMessageContaining("peer 17 gave up")
        .extracting(error -> ((DmaBufException) error).errno().orElseThrow())
        .isEqualTo(Errno.EIO);
  }

  @Test
  void anyNumberOfImports_ofOneEvent_seeIt() throws Exception {
    Fence fence = stage.newFence();
    List<Fence> imported = new ArrayList<>();
    try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
      for (int i = 0; i < 10; i++) {
        imported.add(peer.importFence(exported.duplicate("EventFencesTest").detach()));
      }
    }
    stage.signal(fence);
    for (Fence one : imported) {
      assertThat(one.await(LONG)).isTrue();
      assertThat(one.error()).isEmpty();
    }
  }

  // ---- peers that lie ----

  @ParameterizedTest
  @ValueSource(longs = {4097, 1L << 32, Long.MAX_VALUE, -2})
  void dv5_valueThatMeansNothing_failsTheFence(long value) throws Exception {
    try (Descriptor theirs = counter()) {
      Fence imported = peer.importFence(theirs.duplicate("EventFencesTest").detach());
      EventCounter.add(theirs, value);
      assertThat(imported.await(LONG)).isTrue();
      assertThat(imported.error().orElseThrow())
          .hasMessageContaining("peer 17 signaled its fence with the value");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {2, 100, 4096})
  void dv5_anyErrorNumber_isAnError(long value) throws Exception {
    try (Descriptor theirs = counter()) {
      Fence imported = peer.importFence(theirs.duplicate("EventFencesTest").detach());
      EventCounter.add(theirs, value);
      assertThat(imported.await(LONG)).isTrue();
      assertThat(imported.error().orElseThrow())
          .hasMessageContaining("gave up the work of its fence: error " + (value - 1));
    }
  }

  @Test
  void dv5_anotherKindOfFile_isRefused_andClosed() {
    int file = Syscalls.memfdCreate("not a fence", linux_h.MFD_CLOEXEC());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> peer.importFence(file))
        .withMessageContaining("got another kind of file");
    awaitUntil(() -> Syscalls.fcntl(file, linux_h.F_GETFD(), 0) == -linux_h.EBADF());
    assertThatIllegalArgumentException().isThrownBy(() -> peer.importFence(-1));
  }

  @Test
  void fn1_silentPeer_isGivenUp_andItsFenceStaysPendingUntilItHasGone() {
    try (EventFences silent = new EventFences("silent", Duration.ofMillis(5));
        Descriptor theirs = counter()) {
      Fence imported = silent.importFence(theirs.duplicate("EventFencesTest").detach());
      assertThatExceptionOfType(FenceTimeoutException.class).isThrownBy(imported::await);
      assertThat(imported.isSignaled()).isFalse();
      silent.close();
      assertThat(imported.error().orElseThrow()).isInstanceOf(FenceAbandonedException.class);
    }
  }

  // ---- shortage ----

  /** Calls of the kernel that fail at first. */
  private static EventCalls faulty(int times, Error error) {
    AtomicInteger left = new AtomicInteger(times);
    return new EventCalls() {
      private void fault() {
        if (left.getAndUpdate(now -> Math.max(0, now - 1)) > 0) {
          throw error;
        }
      }

      @Override
      public void set(Descriptor event, long value) {
        fault();
        OF_THE_KERNEL.set(event, value);
      }

      @Override
      public OptionalLong value(Descriptor event) {
        if (Poller.look(event, Poller.IN) != 0) { // not while it is imported
          fault();
        }
        return OF_THE_KERNEL.value(event);
      }
    };
  }

  @Test
  void peer_thatCannotBeToldForWantOfJavaHeap_isToldLater() throws Exception {
    EventFences calling =
        new EventFences(
            "peer 18", LONG, faulty(1, new OutOfMemoryError("thrown on purpose")), POLLER);
    Fence fence = stage.newFence();
    try (calling;
        Descriptor exported = (Descriptor) calling.exportFence(fence)) {
      stage.signal(fence);
      assertThat(told(exported)).hasValue(1);
      awaitClosed(1);
    }
  }

  @Test
  void value_thatCannotBeReadForWantOfJavaHeap_isReadLater() throws Exception {
    assertThat(importedBy(faulty(1, new OutOfMemoryError("thrown on purpose"))).error()).isEmpty();
  }

  @Test
  void value_thatIsReadLate_isToldOnThePollersThread() throws Exception {
    CompletableFuture<String> told = new CompletableFuture<>();
    EventCalls calls = faulty(2, new OutOfMemoryError("thrown on purpose"));
    try (Descriptor theirs = counter();
        EventFences calling = new EventFences("peer 18", LONG, calls, POLLER)) {
      Fence imported = calling.importFence(theirs.duplicate("EventFencesTest").detach());
      imported.addCallback(signaled -> told.complete(Thread.currentThread().getName()));
      EventCounter.add(theirs, 1);
      assertThat(told.get(60, TimeUnit.SECONDS)).isEqualTo("dmabuf4j-poller");
      assertThat(imported.error()).isEmpty();
    }
  }

  @Test
  void value_thatCannotBeRead_failsTheFence() throws Exception {
    assertThat(importedBy(faulty(1, new StackOverflowError("thrown on purpose"))).error())
        .isPresent();
  }

  private Fence importedBy(EventCalls calls) throws Exception {
    try (Descriptor theirs = counter();
        EventFences calling = new EventFences("peer 18", LONG, calls, POLLER)) {
      Fence imported = calling.importFence(theirs.duplicate("EventFencesTest").detach());
      EventCounter.add(theirs, 1);
      assertThat(imported.await(LONG)).isTrue();
      return imported;
    }
  }

  // ---- the end ----

  @Test
  void closed_importsNothing() {
    peer.close();
    peer.close();
    try (Descriptor theirs = counter()) {
      assertThatIllegalStateException()
          .isThrownBy(() -> peer.importFence(theirs.duplicate("EventFencesTest").detach()))
          .withMessageContaining("peer 17");
    }
  }

  @Test
  void fn6_eventThatWasSignaled_andNotYetHeard_endsItsFenceByItsValueAtClose() throws Exception {
    CountDownLatch isHeld = new CountDownLatch(1);
    CountDownLatch isOver = new CountDownLatch(1);
    try (Poller busy = FreshPoller.thatTakesNoMore("busy-poller", () -> false);
        Descriptor held = counter();
        Descriptor good = counter();
        Descriptor bad = counter();
        Descriptor silent = counter()) {
      var _ =
          busy.register(
              held,
              Poller.IN,
              _ -> {
                isHeld.countDown();
                awaitUntil(() -> isOver.getCount() == 0);
              });
      EventCounter.add(held, 1);
      isHeld.await();
      EventFences leaving = new EventFences("leaving", LONG, EventCalls.OF_THE_KERNEL, busy);
      List<Fence> imported =
          Stream.of(good, bad, silent)
              .map(one -> leaving.importFence(one.duplicate("EventFencesTest").detach()))
              .toList();
      EventCounter.add(good, 1);
      EventCounter.add(bad, 1 + Errno.EIO.number());
      leaving.close();
      isOver.countDown();
      assertThat(imported).allMatch(Fence::isSignaled);
      assertThat(imported.get(0).error()).isEmpty();
      assertThat(imported.get(1).error().orElseThrow()).hasMessageContaining("gave up the work");
      assertThat(imported.get(2).error().orElseThrow()).isInstanceOf(FenceAbandonedException.class);
    } finally {
      isOver.countDown();
    }
  }

  @Test
  void closing_endsEachFence_whateverIsThrownForOneOfThem() {
    List<Descriptor> theirs = List.of(counter(), counter(), counter());
    try (Poller keeping = FreshPoller.thatKeepsAll()) {
      EventFences leaving = new EventFences("leaving", LONG, EventCalls.OF_THE_KERNEL, keeping);
      List<Fence> imported =
          theirs.stream()
              .map(one -> leaving.importFence(one.duplicate("EventFencesTest").detach()))
              .toList();
      assertThatExceptionOfType(StackOverflowError.class).isThrownBy(leaving::close);
      assertThat(imported).allMatch(Fence::isSignaled);
      leaving.close();
    }
    theirs.forEach(Descriptor::close);
  }

  @Test
  void closing_whileThePeerSignalsAndFencesComeIn_endsEachOnce_andLeavesNothing() throws Exception {
    for (int round = 0; round < 50; round++) {
      EventFences leaving = new EventFences("leaving");
      List<Descriptor> theirs = IntStream.range(0, 20).mapToObj(i -> counter()).toList();
      CountDownLatch half = new CountDownLatch(10);
      List<Fence> imported = new ArrayList<>();
      Thread importing =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      for (Descriptor one : theirs) {
                        imported.add(
                            leaving.importFence(one.duplicate("EventFencesTest").detach()));
                        half.countDown();
                      }
                    } catch (IllegalStateException closed) {
                      half.countDown();
                    }
                  });
      half.await();
      Thread signaling =
          Thread.ofPlatform().start(() -> theirs.forEach(one -> EventCounter.add(one, 1)));
      leaving.close();
      importing.join();
      signaling.join();
      for (Fence one : imported) {
        assertThat(one.await(LONG)).isTrue();
      }
      theirs.forEach(Descriptor::close);
    }
  }

  @Test
  void thousandsOfFences_goThroughAtOnce() throws Exception {
    List<Fence> fences = new ArrayList<>();
    List<FenceContext> contexts = new ArrayList<>();
    List<Fence> imported = new ArrayList<>();
    for (int i = 0; i < 1500; i++) { // two descriptors each
      FenceContext context = FenceContext.create("work");
      contexts.add(context);
      fences.add(context.newFence());
      imported.add(sent(fences.getLast()));
    }
    for (int i = 0; i < fences.size(); i++) {
      contexts.get(i).signal(fences.get(i));
    }
    for (Fence one : imported) {
      assertThat(one.await(LONG)).isTrue();
      assertThat(one.error()).isEmpty();
    }
    contexts.forEach(FenceContext::close);
  }
}
