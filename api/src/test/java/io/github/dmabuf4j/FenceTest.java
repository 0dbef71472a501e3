package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.Threads.Started;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class FenceTest {
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);
  private static final Duration JIFFY = Duration.ofMillis(1);

  private final FenceContext context = FenceContext.create("test");

  @AfterEach
  void closeContext() {
    context.close();
  }

  // ---- st-dma-fence.c ----

  @Test
  void f1_createEnableSignalDrop_leavesNothingPending() {
    Fence fence = context.newFence();
    fence.enableSignaling();
    assertThat(context.signal(fence)).isTrue();
    Leaks.assertNone(context, fence);
  }

  @Test
  void f2_signal_reportsThePreviousState() {
    Fence fence = context.newFence();
    assertThat(fence.isSignaled()).isFalse();
    assertThat(context.signal(fence)).isTrue();
    assertThat(fence.isSignaled()).isTrue();
    assertThat(context.signal(fence)).isFalse();
    assertThat(context.fail(fence, new IOException("late"))).isFalse();
    assertThat(fence.error()).isEmpty();
  }

  @Test
  void f3_addCallback_hasRunWhenSignalReturns() {
    Fence fence = context.newFence();
    AtomicReference<Fence> seen = new AtomicReference<>();
    assertThat(fence.addCallback(seen::set)).isTrue();
    context.signal(fence);
    assertThat(seen.get()).isSameAs(fence);
    Leaks.assertNone(context, fence);
  }

  @Test
  void f4_lateAddCallback_isRefused() {
    Fence fence = context.newFence();
    context.signal(fence);
    AtomicInteger runs = new AtomicInteger();
    assertThat(fence.addCallback(signaled -> runs.incrementAndGet())).isFalse();
    context.signal(fence);
    assertThat(runs).hasValue(0);
    Leaks.assertNone(context, fence);
  }

  @Test
  void f5_removedCallback_neverRuns() {
    Fence fence = context.newFence();
    AtomicInteger runs = new AtomicInteger();
    Fence.Callback callback = signaled -> runs.incrementAndGet();
    assertThat(fence.addCallback(callback)).isTrue();
    assertThat(fence.removeCallback(callback)).isTrue();
    assertThat(fence.removeCallback(callback)).isFalse();
    context.signal(fence);
    assertThat(runs).hasValue(0);
    Leaks.assertNone(context, fence);
  }

  @Test
  void f6_lateRemoveCallback_isFalse() {
    Fence fence = context.newFence();
    AtomicInteger runs = new AtomicInteger();
    Fence.Callback callback = signaled -> runs.incrementAndGet();
    fence.addCallback(callback);
    context.signal(fence);
    assertThat(runs).hasValue(1);
    assertThat(fence.removeCallback(callback)).isFalse();
    Leaks.assertNone(context, fence);
  }

  @Test
  void f7_status_goesFromPendingToSignaled() {
    Fence fence = context.newFence();
    assertThat(fence.status()).isEqualTo(Fence.Status.PENDING);
    context.signal(fence);
    assertThat(fence.status()).isEqualTo(Fence.Status.SIGNALED);
    Leaks.assertNone(context, fence);
  }

  @Test
  void f8_error_isSeenOnceFailed() throws InterruptedException {
    Fence fence = context.newFence();
    assertThat(fence.error()).isEmpty();
    IOException error = new IOException("EIO");
    assertThat(context.fail(fence, error)).isTrue();
    assertThat(fence.status()).isEqualTo(Fence.Status.FAILED);
    assertThat(fence.isSignaled()).isTrue();
    assertThat(fence.error()).containsSame(error);
    fence.await(); // a wait succeeds either way
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, Long.MIN_VALUE})
  void f9_zeroOrNegativeTimeout_onlyLooks(long seconds) throws InterruptedException {
    Duration timeout = Duration.ofSeconds(seconds);
    Fence fence = context.newFence();
    assertThat(fence.awaitUninterruptibly(timeout)).isFalse();
    assertThat(fence.await(timeout)).isFalse();
    context.signal(fence);
    assertThat(fence.awaitUninterruptibly(timeout)).isTrue();
    assertThat(fence.await(timeout)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void f10_waitTimesOut_thenATimersSignalEndsIt(boolean virtual) throws Exception {
    Threads.Body waiting =
        () -> {
          Fence fence = context.newFence();
          assertThat(fence.awaitUninterruptibly(JIFFY)).isFalse();
          assertThat(fence.await(JIFFY)).isFalse();
          CompletableFuture<Boolean> timer =
              CompletableFuture.supplyAsync(
                  () -> context.signal(fence),
                  CompletableFuture.delayedExecutor(JIFFY.toMillis(), TimeUnit.MILLISECONDS));
          // The row says one second; here a slow machine may take longer.
          assertThat(fence.awaitUninterruptibly(LONG)).isTrue();
          assertThat(timer.get(Threads.LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
          Leaks.assertNone(context, fence);
        };
    (virtual ? Threads.virtual(waiting) : Threads.platform(waiting)).join();
  }

  @Test
  void f11_stub_isSignaledEachTime() {
    for (int i = 0; i < 64; i++) {
      assertThat(Fence.stub().isSignaled()).isTrue();
      assertThat(Fence.stub().addCallback(fence -> {})).isFalse();
      assertThat(Fence.stub().error()).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({"false, false", "true, false", "false, true", "true, true"})
  void f12_raceSignalCallback_runsWhatWasAccepted(boolean signalBefore, boolean virtual)
      throws Exception {
    AtomicReferenceArray<Fence> slots = new AtomicReferenceArray<>(2);
    BooleanSupplier going = Threads.stressTime(0.05);
    AtomicBoolean stop = new AtomicBoolean();
    Threads.together(
        virtual,
        List.of(
            () -> raceSignalCallback(slots, 0, signalBefore, going, stop),
            () -> raceSignalCallback(slots, 1, signalBefore, going, stop)));
  }

  private static void raceSignalCallback(
      AtomicReferenceArray<Fence> slots,
      int me,
      boolean signalBefore,
      BooleanSupplier going,
      AtomicBoolean stop) {
    FenceContext own = FenceContext.create("race " + me);
    while (!stop.get()) {
      Fence mine = own.newFence();
      slots.set(me, mine);
      Fence other = slots.get(1 - me);
      while (other == null && !stop.get()) {
        Thread.yield();
        other = slots.get(1 - me);
      }
      if (signalBefore) {
        own.signal(mine);
      }
      if (other != null) {
        AtomicBoolean seen = new AtomicBoolean();
        boolean added = other.addCallback(fence -> seen.set(true));
        if (!signalBefore) {
          own.signal(mine);
        }
        if (added) {
          assertThat(other.awaitUninterruptibly(LONG)).isTrue();
          Threads.until(seen::get); // the signaler may still be on its way to this callback
        }
      }
      own.signal(mine);
      slots.set(me, null);
      Leaks.assertNone(own, mine);
      if (!going.getAsBoolean()) {
        stop.set(true);
      }
    }
    own.close();
  }

  @Test
  void context_ofAFenceWithoutAnOrder_isOneForAllWhoAsk() throws Exception {
    AtomicReference<Fence> fence = new AtomicReference<>();
    AtomicLong first = new AtomicLong();
    AtomicLong second = new AtomicLong();
    Threads.race(
        () -> fence.set(Fence.single(FenceOrigin.CPU_ACCESS)),
        () -> first.set(fence.get().context()),
        () -> second.set(fence.get().context()),
        () -> {
          assertThat(first.get()).isNegative().isEqualTo(second.get());
          assertThat(fence.get().seqno()).isEqualTo(1);
          assertThat(Fence.single(FenceOrigin.CPU_ACCESS).context()).isNotEqualTo(first.get());
        });
  }

  // ---- callbacks ----

  @Test
  void callbacks_runInTheOrderOfAdditionOnTheSignalingThread() {
    Fence fence = context.newFence();
    List<Integer> order = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      int number = i;
      fence.addCallback(
          signaled -> {
            order.add(number);
            threads.add(Thread.currentThread());
          });
    }
    context.signal(fence);
    assertThat(order).hasSize(1000).isSorted();
    assertThat(threads).containsOnly(Thread.currentThread());
  }

  @Test
  void callbacks_thatThrow_doNotStopTheOthers() {
    Fence fence = context.newFence();
    AtomicInteger runs = new AtomicInteger();
    fence.addCallback(signaled -> sneak(new IllegalStateException("thrown on purpose")));
    fence.addCallback(signaled -> runs.incrementAndGet());
    fence.addCallback(signaled -> sneak(new AssertionError("thrown on purpose")));
    fence.addCallback(signaled -> runs.incrementAndGet());
    fence.addCallback(signaled -> sneak(new IOException("checked, thrown on purpose")));
    fence.addCallback(signaled -> runs.incrementAndGet());
    assertThat(context.signal(fence)).isTrue();
    assertThat(runs).hasValue(3);
  }

  @SuppressWarnings("unchecked")
  private static <X extends Throwable> void sneak(Throwable thrown) throws X {
    throw (X) thrown;
  }

  @Test
  void callback_seesASignaledFenceAndCanNeitherAddNorRemove() {
    Fence fence = context.newFence();
    List<Boolean> results = new ArrayList<>();
    Fence.Callback callback =
        new Fence.Callback() {
          @Override
          public void signaled(Fence signaled) {
            results.add(signaled.isSignaled());
            results.add(signaled.addCallback(again -> results.add(null)));
            results.add(signaled.removeCallback(this));
          }
        };
    fence.addCallback(callback);
    context.signal(fence);
    assertThat(results).containsExactly(true, false, false);
  }

  @Test
  void callback_mayRemoveALaterOneWhichThenDoesNotRun() {
    Fence fence = context.newFence();
    AtomicInteger runs = new AtomicInteger();
    Fence.Callback later = signaled -> runs.incrementAndGet();
    fence.addCallback(signaled -> assertThat(signaled.removeCallback(later)).isFalse());
    fence.addCallback(later);
    context.signal(fence);
    // Whether the removal finds it is not promised; that true means it won't run is.
    assertThat(runs.get()).isLessThanOrEqualTo(1);
  }

  @Test
  void sameCallbackTwice_runsTwiceAndIsRemovedOneByOne() {
    Fence fence = context.newFence();
    AtomicInteger runs = new AtomicInteger();
    Fence.Callback callback = signaled -> runs.incrementAndGet();
    fence.addCallback(callback);
    fence.addCallback(callback);
    fence.addCallback(callback);
    assertThat(fence.removeCallback(callback)).isTrue();
    context.signal(fence);
    assertThat(runs).hasValue(2);
  }

  @Test
  void removeAndSignal_atOnce_eitherRemovesOrRuns() throws Exception {
    AtomicReference<Fence> fence = new AtomicReference<>();
    AtomicInteger runs = new AtomicInteger();
    AtomicBoolean removed = new AtomicBoolean();
    Fence.Callback callback = signaled -> runs.incrementAndGet();
    Threads.race(
        () -> {
          runs.set(0);
          Fence fresh = context.newFence();
          fresh.addCallback(signaled -> {});
          fresh.addCallback(callback);
          fresh.addCallback(signaled -> {});
          fence.set(fresh);
        },
        () -> context.signal(fence.get()),
        () -> removed.set(fence.get().removeCallback(callback)),
        () -> assertThat(runs.get()).isEqualTo(removed.get() ? 0 : 1));
  }

  @Test
  void addFromManyThreadsAndSignal_runsExactlyTheAcceptedOnes() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      Fence fence = context.newFence();
      AtomicInteger accepted = new AtomicInteger();
      AtomicInteger runs = new AtomicInteger();
      Threads.Body adder =
          () -> {
            for (int i = 0; i < 200; i++) {
              if (fence.addCallback(signaled -> runs.incrementAndGet())) {
                accepted.incrementAndGet();
              }
            }
          };
      Threads.together(adder, adder, () -> context.signal(fence));
      assertThat(runs.get()).isEqualTo(accepted.get());
    }
  }

  @Test
  void overlappingPollers_leaveNoCallbacksBehind() throws Exception {
    Fence fence = context.newFence();
    Fence.Callback first = signaled -> {};
    Fence.Callback second = signaled -> {};
    for (int i = 0; i < 1000; i++) { // each is removed while the other one lies above it
      fence.addCallback(i % 2 == 0 ? first : second);
      fence.removeCallback(i % 2 == 0 ? second : first);
    }
    assertThat(Leaks.nodesOn(fence)).isLessThan(10);
  }

  @Test
  void timedWaits_leaveNoCallbacksBehind() throws Exception {
    Fence fence = context.newFence();
    Threads.Body poller =
        () -> {
          for (int i = 0; i < 300; i++) {
            assertThat(fence.await(Duration.ofNanos(50_000))).isFalse();
          }
        };
    Threads.together(poller, poller, poller);
    assertThat(Leaks.nodesOn(fence)).isLessThan(10);
  }

  // ---- waiting ----

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void await_wakesPlatformAndVirtualThreads(boolean virtual) throws Exception {
    Fence fence = context.newFence();
    List<Started> waiters = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      Threads.Body waiting = () -> assertThat(fence.await(LONG)).isTrue();
      waiters.add(virtual ? Threads.virtual(waiting) : Threads.platform(waiting));
    }
    waiters.forEach(Started::awaitBlocked);
    context.signal(fence);
    for (Started waiter : waiters) {
      waiter.join();
    }
  }

  @Test
  void await_doesNotPinTheCarriersOfVirtualThreads() throws Exception {
    Fence fence = context.newFence();
    List<Started> waiters = new ArrayList<>();
    for (int i = 0; i < 64 * Runtime.getRuntime().availableProcessors(); i++) {
      waiters.add(Threads.virtual(() -> assertThat(fence.await(LONG)).isTrue()));
    }
    waiters.forEach(Started::awaitBlocked);
    Threads.virtual(() -> context.signal(fence)).join(); // would find no carrier
    for (Started waiter : waiters) {
      waiter.join();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void await_interruptedWhileWaiting_throwsAndLeavesTheFencePending(boolean virtual)
      throws Exception {
    Fence fence = context.newFence();
    Threads.Body waiting =
        () -> {
          assertThatExceptionOfType(InterruptedException.class).isThrownBy(() -> fence.await(LONG));
          assertThat(Thread.currentThread().isInterrupted()).isFalse();
        };
    Started waiter = virtual ? Threads.virtual(waiting) : Threads.platform(waiting);
    waiter.awaitBlocked().thread().interrupt();
    waiter.join();
    assertThat(fence.isSignaled()).isFalse();
  }

  @Test
  void await_interruptedBefore_throwsEvenIfSignaled() throws Exception {
    Fence fence = context.newFence();
    context.signal(fence);
    Threads.platform(
            () -> {
              Thread.currentThread().interrupt();
              assertThatExceptionOfType(InterruptedException.class).isThrownBy(fence::await);
              assertThat(Thread.currentThread().isInterrupted()).isFalse();
            })
        .join();
  }

  @Test
  void awaitUninterruptibly_keepsTheInterruptForLater() throws Exception {
    Fence fence = context.newFence();
    Started waiter =
        Threads.platform(
            () -> {
              assertThat(fence.awaitUninterruptibly(LONG)).isTrue();
              assertThat(Thread.interrupted()).isTrue();
            });
    waiter.awaitBlocked().thread().interrupt();
    waiter.awaitBlocked();
    context.signal(fence);
    waiter.join();
  }

  @Test
  void interruptAndSignal_atOnce_neverLosesTheInterrupt() throws Exception {
    for (int i = 0; i < 1500; i++) {
      Fence fence = context.newFence();
      CountDownLatch interrupted = new CountDownLatch(1);
      Started waiter =
          Threads.platform(
              () -> {
                boolean thrown = false;
                try {
                  fence.await(LONG);
                } catch (InterruptedException e) {
                  thrown = true;
                }
                if (!thrown) {
                  assertThatExceptionOfType(InterruptedException.class)
                      .isThrownBy(interrupted::await);
                }
              });
      if (i % 2 == 0) {
        waiter.awaitBlocked();
      }
      waiter.thread().interrupt();
      context.signal(fence);
      Threads.until(
          () -> waiter.task().isDone() || waiter.thread().getState() == Thread.State.WAITING);
      boolean done = waiter.task().isDone();
      interrupted.countDown();
      waiter.join();
      assertThat(done).as("round %d: the interrupt was neither thrown nor kept", i).isTrue();
    }
  }

  @Test
  void await_withAnEndlessTimeout_doesNotOverflow() throws Exception {
    Fence fence = context.newFence();
    Started waiter =
        Threads.platform(() -> assertThat(fence.await(Duration.ofSeconds(Long.MAX_VALUE))).isTrue())
            .awaitBlocked();
    context.signal(fence);
    waiter.join();
  }

  // ---- reports ----

  @Test
  void timeout_namesCreatorAndWaiter() {
    Duration patience = Duration.ofMillis(1);
    FenceContext camera =
        FenceContext.builder("frames").driverName("camera").foreign(patience).build();
    Fence fence = camera.newFence();
    assertThatExceptionOfType(FenceTimeoutException.class)
        .isThrownBy(fence::await)
        .withMessageContaining("camera")
        .withMessageContaining("frames")
        .withMessageContaining(Thread.currentThread().toString())
        .satisfies(
            timeout -> {
              assertThat(timeout.fence()).isSameAs(fence);
              assertThat(timeout.waited()).isEqualTo(Duration.ofMillis(1));
              assertThat(timeout.errno()).contains(Errno.ETIME);
            });
    camera.close();
  }

  @Test
  void timeoutOfAContainer_namesTheCreatorsOfWhatIsPendingInIt() {
    Duration patience = Duration.ofMillis(1);
    FenceContext camera =
        FenceContext.builder("frames").driverName("camera").foreign(patience).build();
    FenceContext screen =
        FenceContext.builder("flips").driverName("screen").foreign(patience).build();
    Fence array = FenceArray.all(List.of(camera.newFence(), screen.newFence()));
    Fence chain =
        FenceChain.append(FenceChain.append(null, camera.newFence(), 1), screen.newFence(), 2);
    for (Fence container : List.of(array, chain)) {
      assertThatExceptionOfType(FenceTimeoutException.class)
          .isThrownBy(container::await)
          .withMessageContaining("camera")
          .withMessageContaining("screen");
    }
    camera.close();
    screen.close();
  }

  @Test
  void toString_namesCreatorNumberAndStatus() {
    Fence fence = context.newFence();
    assertThat(fence.toString())
        .contains("host")
        .contains("test")
        .contains("1")
        .contains("pending");
    assertThat(fence.kind()).isEqualTo(Fence.Kind.HOST);
    assertThat(FenceContext.builder("k").kernel().build().newFence().kind())
        .isEqualTo(Fence.Kind.KERNEL);
  }

  // ---- foreign ----

  @Test
  void foreignSilence_wakesTheWaiterAndLeavesTheFencePending() throws InterruptedException {
    FenceContext device =
        FenceContext.builder("ring").driverName("gpu").foreign(Duration.ofMillis(5)).build();
    Fence fence = device.newFence();
    assertThatExceptionOfType(FenceTimeoutException.class)
        .isThrownBy(() -> fence.await(LONG))
        .withMessageContaining("gpu")
        .withMessageContaining("silent")
        .satisfies(timeout -> assertThat(timeout.waited()).isEqualTo(Duration.ofMillis(5)));
    assertThatExceptionOfType(FenceTimeoutException.class)
        .isThrownBy(() -> fence.awaitUninterruptibly(LONG));
    assertThatExceptionOfType(FenceTimeoutException.class).isThrownBy(fence::await);
    assertThat(fence.isSignaled()).isFalse();
    assertThat(fence.await(Duration.ofMillis(1)))
        .as("a shorter deadline is the caller's own")
        .isFalse();
    device.signal(fence);
    assertThat(fence.await(LONG)).isTrue();
  }

  @Test
  void foreignSilence_wakesWaitersOfContainersToo() {
    FenceContext device =
        FenceContext.builder("ring").driverName("gpu").foreign(Duration.ofMillis(5)).build();
    Fence array = FenceArray.all(List.of(device.newFence(), context.newFence()));
    Fence chain =
        FenceChain.append(FenceChain.append(null, device.newFence(), 1), context.newFence(), 2);
    for (Fence container : List.of(array, chain)) {
      assertThatExceptionOfType(FenceTimeoutException.class)
          .isThrownBy(() -> container.await(LONG))
          .withMessageContaining("gpu");
    }
    device.close();
  }

  @Test
  void foreign_wantsAPositiveSilence() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FenceContext.builder("x").foreign(Duration.ZERO));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FenceContext.builder("x").foreign(Duration.ofMillis(-1)));
    assertThat(
            FenceContext.builder("x")
                .foreign(Duration.ofSeconds(Long.MAX_VALUE))
                .build()
                .newFence())
        .isNotNull();
  }

  // ---- what a producer does ----

  @Test
  void enableSignaling_isAskedOnceByTheFirstWhoWantsToKnow() {
    AtomicInteger asked = new AtomicInteger();
    FenceContext lazy =
        FenceContext.builder("lazy")
            .operations(
                new FenceContext.Operations() {
                  @Override
                  public boolean enableSignaling(Fence fence) {
                    asked.incrementAndGet();
                    return false;
                  }
                })
            .build();
    Fence fence = lazy.newFence();
    assertThat(fence.isSignaled()).isFalse();
    assertThat(asked).hasValue(0);
    fence.awaitUninterruptibly(Duration.ZERO);
    fence.addCallback(signaled -> {});
    fence.enableSignaling();
    assertThat(asked).hasValue(1);
    lazy.signal(fence);
    Fence done = lazy.newFence();
    lazy.signal(done);
    done.addCallback(signaled -> {});
    assertThat(asked).as("a signaled fence is not asked about").hasValue(1);
  }

  @Test
  void enableSignaling_thatFindsTheWorkDone_signalsAtOnceAndInOrder() throws InterruptedException {
    FenceContext polled =
        FenceContext.builder("polled")
            .operations(
                new FenceContext.Operations() {
                  @Override
                  public boolean enableSignaling(Fence fence) {
                    return fence.seqno() <= 2;
                  }
                })
            .build();
    Fence first = polled.newFence();
    Fence second = polled.newFence();
    Fence third = polled.newFence();
    assertThat(second.addCallback(signaled -> {})).isFalse();
    assertThat(second.isSignaled()).isTrue();
    assertThat(first.isSignaled()).as("fences of one context signal in order (CF1)").isTrue();
    assertThat(third.await(Duration.ZERO)).isFalse();
    assertThat(polled.pending()).isEqualTo(1);
    polled.close();
    assertThat(third.error()).containsInstanceOf(FenceAbandonedException.class);
  }

  @Test
  void enableSignaling_thatThrows_losesNoCallback() {
    FenceContext broken =
        FenceContext.builder("broken")
            .operations(
                new FenceContext.Operations() {
                  @Override
                  public boolean enableSignaling(Fence fence) {
                    throw new IllegalStateException("thrown on purpose");
                  }
                })
            .build();
    Fence fence = broken.newFence();
    AtomicInteger runs = new AtomicInteger();
    assertThat(fence.addCallback(signaled -> runs.incrementAndGet())).isTrue();
    broken.close();
    assertThat(runs).hasValue(1);
  }

  @Test
  void setDeadline_reachesTheProducerThroughContainers() {
    AtomicLong hint = new AtomicLong();
    AtomicInteger hints = new AtomicInteger();
    FenceContext timed =
        FenceContext.builder("timed")
            .operations(
                new FenceContext.Operations() {
                  @Override
                  public void setDeadline(Fence fence, long nanoTime) {
                    hint.set(nanoTime);
                    hints.incrementAndGet();
                  }
                })
            .build();
    Fence fence = timed.newFence();
    fence.setDeadline(1);
    assertThat(hint).hasValue(1);
    FenceArray.all(List.of(fence)).setDeadline(2);
    assertThat(hint).hasValue(2);
    Fence second = timed.newFence();
    FenceChain.append(FenceChain.append(null, fence, 1), second, 2).setDeadline(3);
    assertThat(hint).hasValue(3);
    assertThat(hints).as("both nodes' fences").hasValue(4);
    timed.signal(fence);
    fence.setDeadline(4);
    assertThat(hint).as("a signaled fence passes nothing on").hasValue(3);
    Fence.stub().setDeadline(5);
  }

  @Test
  void timestamp_isThereForContextsThatAsk() {
    FenceContext stamped = FenceContext.builder("stamped").timestamps().build();
    Fence fence = stamped.newFence();
    assertThat(fence.timestamp()).isEmpty();
    long before = System.nanoTime();
    stamped.signal(fence);
    long after = System.nanoTime();
    assertThat(fence.timestamp().orElseThrow() - before).isNotNegative();
    assertThat(after - fence.timestamp().orElseThrow()).isNotNegative();
    Fence failed = stamped.newFence();
    stamped.fail(failed, new IOException());
    assertThat(failed.timestamp()).isPresent();
    Fence plain = context.newFence();
    context.signal(plain);
    assertThat(plain.timestamp()).isEmpty();
  }

  // ---- stages ----

  @Test
  void toCompletionStage_completesAsTheFenceDoes() {
    Fence good = context.newFence();
    CompletableFuture<Void> early = good.toCompletionStage().toCompletableFuture();
    assertThat(early).isNotDone();
    context.signal(good);
    assertThat(early).isCompleted();
    assertThat(good.toCompletionStage().toCompletableFuture()).isCompleted();

    Fence bad = context.newFence();
    CompletableFuture<Void> failing = bad.toCompletionStage().toCompletableFuture();
    IOException error = new IOException("EIO");
    context.fail(bad, error);
    assertThatThrownBy(failing::join).isInstanceOf(CompletionException.class).hasCause(error);
    assertThatThrownBy(() -> bad.toCompletionStage().toCompletableFuture().get(1, TimeUnit.SECONDS))
        .hasCause(error);
  }

  @Test
  void toCompletionStage_canNotBeUsedToSignal() {
    Fence fence = context.newFence();
    fence.toCompletionStage().toCompletableFuture().complete(null);
    assertThat(fence.isSignaled()).isFalse();
    CompletableFuture<Void> other = fence.toCompletionStage().toCompletableFuture();
    assertThat(other).isNotDone();
    context.signal(fence);
    assertThat(other).isCompleted();
  }

  // ---- callbacks that signal ----

  @Test
  void callbacksThatSignalTheNextFence_anyNumber_needABoundedStack() {
    List<FenceContext> contexts = new ArrayList<>();
    List<Fence> fences = new ArrayList<>();
    for (int i = 0; i < 100_000; i++) {
      contexts.add(FenceContext.create("link"));
      fences.add(contexts.getLast().newFence());
    }
    for (int i = 1; i < fences.size(); i++) {
      int next = i;
      fences.get(i - 1).addCallback(fence -> contexts.get(next).signal(fences.get(next)));
    }
    contexts.getFirst().signal(fences.getFirst());
    assertThat(fences).allMatch(Fence::isSignaled);
    contexts.forEach(FenceContext::close);
  }

  @Test
  void callbacksOfDeepChains_runOnceInOrder_beforeTheSignalReturns() {
    // A tree: each callback signals two more fences, and every fence has two callbacks.
    List<FenceContext> contexts = new ArrayList<>();
    List<Fence> fences = new ArrayList<>();
    List<Integer> told = new ArrayList<>();
    int nodes = 1 << 12;
    for (int i = 0; i < nodes; i++) {
      contexts.add(FenceContext.create("node"));
      fences.add(contexts.getLast().newFence());
    }
    for (int i = 0; i < nodes; i++) {
      int node = i;
      fences.get(i).addCallback(fence -> told.add(node));
      fences
          .get(i)
          .addCallback(
              fence -> {
                for (int child = 2 * node + 1; child <= 2 * node + 2 && child < nodes; child++) {
                  contexts.get(child).signal(fences.get(child));
                }
              });
    }
    contexts.getFirst().signal(fences.getFirst());
    assertThat(told).hasSize(nodes).doesNotHaveDuplicates();
    contexts.forEach(FenceContext::close);
  }

  @Test
  void callbackThatThrowsWhatCantBeLogged_doesNotKeepTheOthersFromBeingTold() throws Exception {
    FenceContext context = FenceContext.create("context");
    Fence fence = context.newFence();
    fence.addCallback(
        signaled -> {
          throw new IllegalStateException() {
            @Override
            public String getMessage() {
              throw new NoClassDefFoundError("can't be logged");
            }
          };
        });
    AtomicBoolean told = new AtomicBoolean();
    fence.addCallback(signaled -> told.set(true));
    Threads.Started waiter = Threads.platform(() -> fence.await()).awaitBlocked();
    assertThat(context.signal(fence)).isTrue();
    waiter.join();
    assertThat(told).isTrue();
  }
}
