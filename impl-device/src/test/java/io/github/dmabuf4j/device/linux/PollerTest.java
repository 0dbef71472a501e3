package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What {@link Poller} says of itself, with counters as what becomes ready. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class PollerTest {
  private static final long LONG = TimeUnit.SECONDS.toNanos(60);
  private static final AtomicInteger NAMES = new AtomicInteger();

  private final int before = DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  private final String name = "poller-" + NAMES.incrementAndGet();
  private final Poller poller = new Poller(name);
  private final List<Descriptor> made = new ArrayList<>();

  private Descriptor counter() {
    Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "PollerTest");
    made.add(counter);
    return counter;
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(poller.watches()).isZero();
    poller.close();
    made.forEach(Descriptor::close);
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE)).isEqualTo(before);
  }

  private CompletableFuture<Integer> told(Descriptor descriptor, int events) {
    CompletableFuture<Integer> told = new CompletableFuture<>();
    poller.register(descriptor, events, told::complete);
    return told;
  }

  private static <T> T get(CompletableFuture<T> future) throws Exception {
    return future.get(60, TimeUnit.SECONDS);
  }

  /** What is told in the same round as this, or before, has been told once it returns. */
  private void awaitARound() throws Exception {
    Descriptor last = counter();
    CompletableFuture<Integer> told = told(last, Poller.IN);
    EventCounter.add(last, 1);
    get(told);
  }

  @Test
  void readyDescriptor_isToldOnce_thoughItStaysReady() throws Exception {
    Descriptor counter = counter();
    AtomicInteger calls = new AtomicInteger();
    poller.register(counter, Poller.IN, events -> calls.incrementAndGet());
    EventCounter.add(counter, 1);
    awaitARound();
    awaitARound();
    assertThat(calls).hasValue(1);
  }

  @Test
  void descriptorThatIsReadyAlready_isToldAtOnce() throws Exception {
    Descriptor counter = counter();
    EventCounter.add(counter, 1);
    assertThat(get(told(counter, Poller.IN))).isEqualTo(Poller.IN);
  }

  @Test
  void interestsInOneDescriptor_areJudgedSeparately() throws Exception {
    Descriptor counter = counter();
    CompletableFuture<Integer> readable = told(counter, Poller.IN);
    CompletableFuture<Integer> writable = told(counter, Poller.OUT);
    assertThat(get(writable)).isEqualTo(Poller.OUT);
    assertThat(readable).isNotDone();
    EventCounter.add(counter, 1);
    assertThat(get(readable)).isEqualTo(Poller.IN);
  }

  @Test
  void cancelledRegistration_neverRuns_andIsCancelledOnce() throws Exception {
    Descriptor counter = counter();
    CompletableFuture<Integer> never = new CompletableFuture<>();
    Poller.Registration registration = poller.register(counter, Poller.IN, never::complete);
    CompletableFuture<Integer> other = told(counter, Poller.IN);
    assertThat(registration.cancel()).isTrue();
    assertThat(registration.cancel()).isFalse();
    EventCounter.add(counter, 1);
    get(other);
    awaitARound();
    assertThat(never).isNotDone();
  }

  @Test
  void callbackThatThrows_keepsNobodyElseFromBeingTold() throws Exception {
    Descriptor counter = counter();
    poller.register(
        counter,
        Poller.IN,
        events -> {
          throw new IllegalStateException("thrown on purpose");
        });
    CompletableFuture<Integer> told = told(counter, Poller.IN);
    EventCounter.add(counter, 1);
    assertThat(get(told)).isEqualTo(Poller.IN);
    awaitARound();
  }

  @Test
  void callback_mayRegisterAndCancelInItsTurn() throws Exception {
    Descriptor first = counter();
    Descriptor second = counter();
    CompletableFuture<Integer> told = new CompletableFuture<>();
    Poller.Registration other = poller.register(second, Poller.OUT | Poller.IN, events -> {});
    poller.register(
        first,
        Poller.IN,
        events -> {
          other.cancel();
          poller.register(second, Poller.IN, told::complete);
        });
    EventCounter.add(first, 1);
    EventCounter.add(second, 1);
    assertThat(get(told)).isEqualTo(Poller.IN);
    awaitARound();
  }

  @Test
  void descriptorClosedWhileRegistered_staysOpenUntilThatIsOver() throws Exception {
    Descriptor counter = counter();
    Poller.Registration registration = poller.register(counter, Poller.IN, events -> {});
    counter.close();
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE)).isEqualTo(before + 1);
    assertThat(registration.cancel()).isTrue();
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE)).isEqualTo(before);
    assertThatThrownBy(() -> poller.register(counter, Poller.IN, events -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("wanted an open descriptor");
  }

  @Test
  void hangUp_isToldWhoeverWantsSomethingElse() throws Exception {
    Descriptor[] pair = TestSockets.pair();
    made.add(pair[0]);
    Descriptor quiet = pair[0];
    CompletableFuture<Integer> told = new CompletableFuture<>();
    poller.register(quiet, 0, told::complete);
    pair[1].close();
    assertThat(get(told) & Poller.FAILED).isNotZero();
    awaitARound();
  }

  @Test
  void plainFile_isAlwaysReady_andRefusedBecauseOfThat() {
    Descriptor file =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.FENCE,
            "PollerTest",
            "memfd_create",
            () -> Syscalls.memfdCreate("plain", linux_h.MFD_CLOEXEC()));
    made.add(file);
    assertThat(Poller.look(file, Poller.IN)).isEqualTo(Poller.IN);
    assertThatThrownBy(() -> poller.register(file, Poller.IN, events -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("plain files are always ready");
  }

  @Test
  void closedPoller_tellsWhoeverIsRegistered_andRefusesOthers() throws Exception {
    Descriptor counter = counter();
    CompletableFuture<Integer> told = told(counter, Poller.IN);
    poller.close();
    assertThat(get(told)).isZero();
    assertThatThrownBy(() -> poller.register(counter, Poller.IN, events -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("was closed");
  }

  @Test
  void theThread_doesNotKeepTheJvmAlive() throws Exception {
    CompletableFuture<Thread> thread = new CompletableFuture<>();
    Descriptor counter = counter();
    poller.register(counter, Poller.IN, events -> thread.complete(Thread.currentThread()));
    EventCounter.add(counter, 1);
    assertThat(get(thread).isDaemon()).isTrue();
    awaitARound();
  }

  // ---- waiting ----

  @Test
  void wait_endsWithTheEvent() throws Exception {
    Descriptor counter = counter();
    Thread.startVirtualThread(() -> EventCounter.add(counter, 1));
    assertThat(poller.await(counter, Poller.IN, LONG)).isTrue();
  }

  @Test
  void wait_endsWithItsTime() throws Exception {
    assertThat(poller.await(counter(), Poller.IN, 1_000_000)).isFalse();
    assertThat(poller.await(counter(), Poller.IN, 0)).isFalse();
    assertThat(poller.awaitUninterruptibly(counter(), Poller.IN, 1_000_000)).isFalse();
  }

  @Test
  void interrupt_endsOneWait_andIsKeptByTheOther() throws Exception {
    Descriptor counter = counter();
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> poller.await(counter, Poller.IN, LONG))
        .isInstanceOf(InterruptedException.class);
    CompletableFuture<Boolean> kept = new CompletableFuture<>();
    CountDownLatch begun = new CountDownLatch(1);
    Thread waiting =
        Thread.startVirtualThread(
            () -> {
              begun.countDown();
              boolean ready = poller.awaitUninterruptibly(counter, Poller.IN, LONG);
              kept.complete(ready && Thread.interrupted());
            });
    begun.await();
    waiting.interrupt();
    EventCounter.add(counter, 1);
    assertThat(get(kept)).isTrue();
    waiting.join();
    awaitARound();
  }

  /** With as many carriers as processors: were one blocked by each wait, nobody would come on. */
  @Test
  void aThousandVirtualThreads_waitAtOnce() throws Exception {
    List<Descriptor> counters = IntStream.range(0, 1000).mapToObj(i -> counter()).toList();
    CountDownLatch ready = new CountDownLatch(counters.size());
    List<Thread> threads = new ArrayList<>();
    for (Descriptor counter : counters) {
      threads.add(
          Thread.startVirtualThread(
              () -> {
                if (poller.awaitUninterruptibly(counter, Poller.IN, LONG)) {
                  ready.countDown();
                }
              }));
    }
    counters.forEach(counter -> EventCounter.add(counter, 1));
    assertThat(ready.await(60, TimeUnit.SECONDS)).isTrue();
    for (Thread thread : threads) {
      thread.join();
    }
    awaitARound();
  }

  // ---- stress ----

  @Test
  void thousandsOfRegistrations_racingWithTheirCancelling_runOrAreCancelled_neverBoth()
      throws Exception {
    int count = 3000;
    List<Descriptor> counters = IntStream.range(0, count).mapToObj(i -> counter()).toList();
    AtomicIntegerArray ends = new AtomicIntegerArray(count);
    CountDownLatch ended = new CountDownLatch(count);
    List<Poller.Registration> registrations = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int mine = i;
      registrations.add(
          poller.register(
              counters.get(i),
              Poller.IN,
              events -> {
                ends.incrementAndGet(mine);
                ended.countDown();
              }));
    }
    Thread signaling =
        Thread.ofPlatform().start(() -> counters.forEach(counter -> EventCounter.add(counter, 1)));
    for (int i = 0; i < count; i++) {
      if (registrations.get(i).cancel()) {
        ends.incrementAndGet(i);
        ended.countDown();
      }
    }
    signaling.join();
    assertThat(ended.await(60, TimeUnit.SECONDS)).isTrue();
    awaitARound();
    assertThat(IntStream.range(0, count).map(ends::get)).containsOnly(1);
  }

  @Test
  void numbersThatAreGivenAgain_neverTellThePreviousOwner() throws Exception {
    for (int round = 0; round < 2000; round++) {
      Descriptor first = EventCounter.create(Descriptor.Kind.FENCE, "PollerTest");
      AtomicInteger stale = new AtomicInteger();
      Poller.Registration registration =
          poller.register(first, Poller.IN, events -> stale.incrementAndGet());
      boolean cancelled = registration.cancel();
      first.close();
      Descriptor second = EventCounter.create(Descriptor.Kind.FENCE, "PollerTest");
      CompletableFuture<Integer> told = told(second, Poller.IN);
      EventCounter.add(second, 1);
      get(told);
      second.close();
      assertThat(cancelled).isTrue();
      assertThat(stale).hasValue(0);
    }
    awaitARound();
  }

  @Test
  void stormOfSignals_losesNoEvent() throws Exception {
    awaitARound(); // the thread is there
    SignalStorm storm = new SignalStorm(name);
    for (int round = 0; round < 2000; round++) {
      Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "PollerTest");
      CompletableFuture<Integer> told = told(counter, Poller.IN);
      storm.strike();
      EventCounter.add(counter, 1);
      storm.strike();
      assertThat(get(told)).isEqualTo(Poller.IN);
      counter.close();
    }
    awaitARound();
  }
}
