package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.SyncPoint.WaitFor;
import io.github.dmabuf4j.Threads.Started;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SyncObjectTest {
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);
  private static final Duration SHORT = Duration.ofMillis(1);

  private final FenceContext a = FenceContext.create("a");
  private final FenceContext b = FenceContext.create("b");
  private final SyncObject timeline = SyncObject.create("render");

  @AfterEach
  void leaveNothing() {
    assertThat(timeline.waiting()).as("entries left behind").isZero();
    timeline.close();
    a.close();
    b.close();
  }

  private static Started start(boolean virtual, Threads.Body body) {
    return virtual ? Threads.virtual(body) : Threads.platform(body);
  }

  private static boolean looks(SyncPoint point) {
    return point.awaitUninterruptibly(WaitFor.SIGNALED, Duration.ZERO);
  }

  // ---- CS5: a slot that is replaced ----

  @Test
  void cs5_createdEmptyOrSignaled() throws InterruptedException {
    assertThat(timeline.at(0).fence()).isEmpty();
    assertThat(timeline.lastSubmitted()).isZero();
    try (SyncObject signaled = SyncObject.createSignaled("signaled")) {
      assertThat(signaled.at(0).await(WaitFor.SIGNALED, Duration.ZERO)).isTrue();
      assertThat(signaled.at(1).fence()).as("binary use has no points").isEmpty();
      assertThat(signaled.lastSignaled()).isZero();
    }
  }

  @Test
  void cs5_reset_emptiesAndSignalStoresADoneFence() throws InterruptedException {
    timeline.at(3).signal();
    timeline.reset();
    assertThat(timeline.at(3).fence()).isEmpty();
    assertThat(timeline.at(0).fence()).isEmpty();
    assertThat(timeline.lastSubmitted()).isZero();
    timeline.at(0).signal();
    assertThat(timeline.at(0).fence()).containsSame(Fence.stub());
    timeline.at(1).signal();
    assertThat(timeline.at(1).await(WaitFor.SIGNALED, Duration.ZERO)).isTrue();
  }

  @Test
  void cs5_pointZero_replacesEverythingByOneFence() {
    timeline.at(7).submit(a.newFence());
    Fence binary = b.newFence();
    timeline.at(0).submit(binary);
    assertThat(timeline.at(0).fence()).containsSame(binary);
    assertThat(timeline.at(7).fence()).isEmpty();
    assertThat(looks(timeline.at(0))).isFalse();
    b.signal(binary);
    assertThat(looks(timeline.at(0))).isTrue();
    Fence next = a.newFence();
    timeline.at(5).submit(next);
    assertThat(timeline.at(0).fence().orElseThrow()).isInstanceOf(FenceChain.class);
  }

  @Test
  void cs5_pointZeroOfPoints_waitsForAll() {
    Fence first = a.newFence();
    Fence second = b.newFence();
    timeline.at(1).submit(first);
    timeline.at(2).submit(second);
    b.signal(second);
    Fence whole = timeline.at(0).fence().orElseThrow();
    assertThat(whole.isSignaled()).isFalse();
    a.signal(first);
    assertThat(whole.isSignaled()).isTrue();
  }

  // ---- CS6: what a wait finds ----

  @ParameterizedTest
  @ValueSource(longs = {0, 1, Long.MAX_VALUE})
  void cs6_waitForSignaledOfAnEmptySlot_isRefused(long number) {
    SyncPoint point = timeline.at(number);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> point.await(WaitFor.SIGNALED, LONG))
        .withMessageContaining("point " + number)
        .withMessageContaining("render");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                SyncPoint.awaitAnyUninterruptibly(
                    List.of(timeline.at(0), point), WaitFor.SIGNALED, LONG));
    assertThatIllegalArgumentException().isThrownBy(() -> point.transferTo(timeline.at(2)));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void cs6_waitersKeepTheFenceTheyFound(boolean virtual) throws Exception {
    Fence found = a.newFence();
    timeline.at(1).submit(found);
    Started waiter = start(virtual, () -> timeline.at(1).await(WaitFor.SIGNALED)).awaitBlocked();
    timeline.reset();
    timeline.at(1).submit(b.newFence());
    a.signal(found);
    waiter.join();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void cs6_waitForSubmit_waitsForAFenceAndThenForIt(boolean virtual) throws Exception {
    AtomicReference<Boolean> done = new AtomicReference<>(false);
    Started waiter =
        start(
                virtual,
                () -> {
                  assertThat(timeline.at(2).await(WaitFor.SUBMIT, LONG)).isTrue();
                  done.set(true);
                })
            .awaitBlocked();
    timeline.at(1).signal();
    waiter.awaitBlocked();
    Fence fence = a.newFence();
    timeline.at(2).submit(fence);
    Threads.until(() -> Leaks.callbacksOn(timeline.at(2).fence().orElseThrow()) == 1);
    assertThat(done.get()).isFalse();
    a.signal(fence);
    waiter.join();
  }

  @Test
  void cs6_waitForSubmit_keepsWhatWasSubmittedThoughAResetFollows() throws Exception {
    Fence fence = a.newFence();
    for (int i = 0; i < 200; i++) {
      Started waiter =
          Threads.virtual(() -> assertThat(timeline.at(1).await(WaitFor.AVAILABLE, LONG)).isTrue())
              .awaitBlocked();
      Threads.until(() -> timeline.waiting() == 1);
      timeline.at(1).submit(fence);
      timeline.reset();
      waiter.join();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void cs6_waitForAvailable_isContentWithAFence(boolean virtual) throws Exception {
    Started waiter =
        start(virtual, () -> timeline.at(4).awaitUninterruptibly(WaitFor.AVAILABLE)).awaitBlocked();
    timeline.at(9).submit(a.newFence());
    waiter.join();
    assertThat(timeline.at(9).await(WaitFor.SIGNALED, SHORT)).isFalse();
  }

  @Test
  void cs6_waitForPointZero_isContentWithAnySubmission() throws Exception {
    Started waiter = Threads.platform(() -> timeline.at(0).await(WaitFor.SUBMIT)).awaitBlocked();
    timeline.at(9).signal();
    waiter.join();
  }

  // ---- CS7: no lock is held ----

  @ParameterizedTest
  @EnumSource(
      value = WaitFor.class,
      names = {"SUBMIT", "AVAILABLE"})
  @CleanRun.ExceptOnPurpose
  @ValidatorOn
  void cs7_waitForSubmitInASignallingSection_isRefused(WaitFor what) {
    assertThat(Lockdep.isEnabled()).isTrue();
    try (var _ = Signalling.begin()) {
      assertThatIllegalStateException()
          .isThrownBy(() -> timeline.at(1).awaitUninterruptibly(what, LONG))
          .withMessageContaining("point 1");
    }
  }

  @Test
  void cf2_whatAPointStandsFor_isRefusedByAReservation() {
    timeline.at(1).submit(a.newFence());
    Fence point = timeline.at(1).fence().orElseThrow();
    Reservation reservation = new Reservation();
    reservation.lock();
    try {
      reservation.reserve(1);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> reservation.add(point, FenceUsage.WRITE));
    } finally {
      reservation.unlock();
    }
  }

  // ---- CS8: several points ----

  @Test
  void cs8_all_waitsForEveryPoint() throws Exception {
    try (SyncObject other = SyncObject.create("other")) {
      List<SyncPoint> points = List.of(timeline.at(1), other.at(3), timeline.at(2));
      Started waiter =
          Threads.virtual(
                  () -> assertThat(SyncPoint.awaitAll(points, WaitFor.SUBMIT, LONG)).isTrue())
              .awaitBlocked();
      Fence last = a.newFence();
      other.at(3).submit(last);
      timeline.at(2).signal();
      assertThat(SyncPoint.awaitAll(points, WaitFor.SIGNALED, Duration.ZERO)).isFalse();
      waiter.awaitBlocked();
      a.signal(last);
      waiter.join();
      assertThat(SyncPoint.awaitAll(List.of(), WaitFor.SIGNALED, Duration.ZERO)).isTrue();
      assertThat(other.waiting()).isZero();
    }
  }

  @Test
  void cs8_any_returnsTheFirstThatIsReady() throws Exception {
    try (SyncObject other = SyncObject.create("other")) {
      Fence pending = b.newFence();
      other.at(1).submit(pending);
      List<SyncPoint> points = List.of(timeline.at(1), other.at(1), timeline.at(2));
      assertThat(SyncPoint.awaitAny(points, WaitFor.SUBMIT, Duration.ZERO)).isEmpty();
      assertThat(SyncPoint.awaitAny(points, WaitFor.AVAILABLE, Duration.ZERO)).hasValue(1);
      Started waiter =
          Threads.platform(
                  () ->
                      assertThat(SyncPoint.awaitAnyUninterruptibly(points, WaitFor.SUBMIT, LONG))
                          .hasValue(1))
              .awaitBlocked();
      b.signal(pending);
      waiter.join();
      timeline.at(2).signal();
      assertThat(SyncPoint.awaitAny(points, WaitFor.SIGNALED, Duration.ZERO)).hasValue(0);
      assertThat(other.waiting()).isZero();
      assertThat(Leaks.callbacksOn(pending)).isZero();
    }
  }

  @Test
  void cs8_anyOfNothing_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SyncPoint.awaitAny(List.of(), WaitFor.SUBMIT, LONG));
  }

  @Test
  void cs8_timeIsUp_saysSoAndLeavesNothing() throws Exception {
    Fence fence = a.newFence();
    timeline.at(1).submit(fence);
    assertThat(timeline.at(1).await(WaitFor.SIGNALED, SHORT)).isFalse();
    assertThat(timeline.at(2).await(WaitFor.SUBMIT, SHORT)).isFalse();
    assertThat(timeline.at(2).awaitUninterruptibly(WaitFor.AVAILABLE, Duration.ofSeconds(-1)))
        .isFalse();
    assertThat(timeline.at(2).await(WaitFor.SUBMIT, Duration.ofNanos(Long.MIN_VALUE))).isFalse();
    assertThat(timeline.at(2).transferTo(timeline.at(3), SHORT)).isFalse();
    assertThat(timeline.waiting()).isZero();
    assertThat(Leaks.callbacksOn(timeline.at(1).fence().orElseThrow())).isZero();
    a.signal(fence);
    assertThat(timeline.at(1).await(WaitFor.SIGNALED, Duration.ofSeconds(Long.MAX_VALUE)))
        .as("an endless timeout does not overflow")
        .isTrue();
  }

  // ---- CS9: order, query, transfer ----

  @Test
  void cs9_query_isTheLastPointUpToWhichAllHasSignaled() {
    Fence two = a.newFence();
    Fence five = b.newFence();
    timeline.at(2).submit(two);
    timeline.at(5).submit(five);
    timeline.at(9).signal();
    assertThat(timeline.lastSubmitted()).isEqualTo(9);
    assertThat(timeline.lastSignaled()).isZero();
    b.signal(five);
    assertThat(timeline.lastSignaled()).as("2 is pending").isZero();
    a.signal(two);
    assertThat(timeline.lastSignaled()).isEqualTo(9);
    timeline.at(12).submit(a.newFence());
    assertThat(timeline.lastSignaled()).isEqualTo(9);
    assertThat(timeline.lastSubmitted()).isEqualTo(12);
  }

  @Test
  void cs9_pointBetween_waitsForTheNextOneSubmitted() {
    Fence ten = a.newFence();
    timeline.at(10).submit(ten);
    assertThat(looks(timeline.at(4))).isFalse();
    assertThat(timeline.at(11).fence()).isEmpty();
    a.signal(ten);
    assertThat(looks(timeline.at(4))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(longs = {5, 3})
  void cs9_pointNotAboveTheLast_isToleratedAndLosesItsMeaning(long number) {
    Fence five = a.newFence();
    timeline.at(5).submit(five);
    a.signal(five);
    assertThat(timeline.lastSignaled()).isEqualTo(5);
    Fence late = b.newFence();
    timeline.at(number).submit(late);
    assertThat(timeline.lastSubmitted()).isEqualTo(5);
    assertThat(looks(timeline.at(1))).as("can't be told from the others").isFalse();
    assertThat(timeline.lastSignaled()).isZero();
    b.signal(late);
    assertThat(looks(timeline.at(5))).isTrue();
    assertThat(timeline.lastSignaled()).isEqualTo(5);
  }

  @Test
  void cs9_fenceOfAPoint_isASnapshot() {
    Fence one = a.newFence();
    timeline.at(1).submit(one);
    Fence snapshot = timeline.at(1).fence().orElseThrow();
    timeline.at(2).submit(b.newFence());
    timeline.reset();
    a.signal(one);
    assertThat(snapshot.isSignaled()).isTrue();
  }

  @Test
  void transfer_isWhatThePointStandsForNow() {
    try (SyncObject other = SyncObject.create("other")) {
      Fence one = a.newFence();
      Fence two = b.newFence();
      timeline.at(1).submit(one);
      timeline.at(2).submit(two);
      timeline.at(2).transferTo(other.at(7));
      timeline.at(1).transferTo(other.at(0));
      assertThat(other.at(0).fence()).containsSame(one);
      timeline.at(2).transferTo(other.at(8));
      timeline.reset();
      b.signal(two);
      assertThat(looks(other.at(8))).isFalse();
      a.signal(one);
      assertThat(looks(other.at(8))).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void transfer_mayWaitForSubmit(boolean interruptible) throws Exception {
    try (SyncObject other = SyncObject.create("other")) {
      Started waiter =
          Threads.virtual(
                  () ->
                      assertThat(
                              interruptible
                                  ? timeline.at(1).transferTo(other.at(4), LONG)
                                  : timeline.at(1).transferToUninterruptibly(other.at(4), LONG))
                          .isTrue())
              .awaitBlocked();
      timeline.at(1).submit(a.newFence());
      waiter.join();
      assertThat(other.lastSubmitted()).isEqualTo(4);
    }
  }

  @Test
  void submitOfAnotherPointsFence_isRefusedWithTheWayOut() {
    timeline.at(1).submit(a.newFence());
    Fence chain = timeline.at(1).fence().orElseThrow();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> timeline.at(2).submit(chain))
        .withMessageContaining("transferTo");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> timeline.at(-1))
        .withMessageContaining("-1");
  }

  // ---- FN5: interrupts, deadlines, reports ----

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void fn5_interrupt_endsAnInterruptibleWait(boolean virtual) throws Exception {
    Started waiter =
        start(
            virtual,
            () ->
                assertThatExceptionOfType(InterruptedException.class)
                    .isThrownBy(() -> timeline.at(1).await(WaitFor.SUBMIT, LONG)));
    waiter.awaitBlocked().thread().interrupt();
    waiter.join();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void fn5_interrupt_isKeptForLaterByAnUninterruptibleWait(boolean virtual) throws Exception {
    Started waiter =
        start(
            virtual,
            () -> {
              timeline.at(1).awaitUninterruptibly(WaitFor.SUBMIT);
              assertThat(Thread.interrupted()).isTrue();
            });
    waiter.awaitBlocked().thread().interrupt();
    waiter.awaitBlocked();
    timeline.at(1).signal();
    waiter.join();
  }

  @Test
  void fn5_waitsDoNotPinCarriers() throws Exception {
    List<Started> waiters = new ArrayList<>();
    for (int i = 0; i < 64 * Runtime.getRuntime().availableProcessors(); i++) {
      waiters.add(Threads.virtual(() -> timeline.at(1).await(WaitFor.SUBMIT)));
    }
    waiters.forEach(Started::awaitBlocked);
    Threads.virtual(() -> timeline.at(1).signal()).join(); // would find no carrier
    for (Started waiter : waiters) {
      waiter.join();
    }
  }

  @Test
  void fn5_report_namesThePointTheCreatorAndTheWaiter() {
    assertThat(SyncTimeoutException.of(timeline.at(3), WaitFor.SUBMIT, SHORT))
        .hasMessageContaining("point 3")
        .hasMessageContaining("render")
        .hasMessageContaining("nobody has submitted it")
        .hasMessageContaining(Thread.currentThread().toString());
    FenceContext camera = FenceContext.builder("frames").driverName("camera").build();
    timeline.at(3).submit(camera.newFence());
    SyncTimeoutException timeout = SyncTimeoutException.of(timeline.at(3), WaitFor.SUBMIT, SHORT);
    assertThat(timeout).hasMessageContaining("camera").hasMessageContaining("frames");
    assertThat(timeout.point()).isEqualTo(timeline.at(3));
    assertThat(timeout.waited()).isEqualTo(SHORT);
    assertThat(timeout.errno()).contains(Errno.ETIME);
    camera.close();
  }

  @Test
  void fn1_silenceOfAForeignFence_endsTheWait() {
    FenceContext device =
        FenceContext.builder("ring").driverName("gpu").foreign(Duration.ofMillis(5)).build();
    timeline.at(1).submit(device.newFence());
    for (WaitFor what : List.of(WaitFor.SIGNALED, WaitFor.SUBMIT)) {
      assertThatExceptionOfType(FenceTimeoutException.class)
          .isThrownBy(() -> timeline.at(1).await(what, LONG))
          .withMessageContaining("gpu");
    }
    assertThatExceptionOfType(FenceTimeoutException.class)
        .isThrownBy(() -> SyncPoint.awaitAny(List.of(timeline.at(1)), WaitFor.SIGNALED, LONG));
    device.close();
  }

  // ---- the end ----

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void close_failsWaitsForSubmit(boolean virtual) throws Exception {
    Started waiter =
        start(
                virtual,
                () ->
                    assertThatExceptionOfType(FenceAbandonedException.class)
                        .isThrownBy(() -> timeline.at(1).await(WaitFor.SUBMIT))
                        .withMessageContaining("render"))
            .awaitBlocked();
    timeline.close();
    waiter.join();
  }

  @Test
  void close_leavesThoseWhoHaveFoundTheirFence() throws Exception {
    Fence fence = a.newFence();
    timeline.at(1).submit(fence);
    Started waiter = Threads.platform(() -> timeline.at(1).await(WaitFor.SUBMIT)).awaitBlocked();
    timeline.close();
    timeline.close();
    waiter.awaitBlocked();
    a.signal(fence);
    waiter.join();
  }

  @Test
  void afterClose_everythingButTheNameIsRefused() {
    timeline.close();
    assertThat(timeline.isClosed()).isTrue();
    assertThat(timeline.name()).isEqualTo("render");
    SyncPoint point = timeline.at(1);
    assertThat(point.toString()).contains("render").contains("closed");
    List<Runnable> refused =
        List.of(
            point::signal,
            point::fence,
            timeline::reset,
            timeline::lastSignaled,
            timeline::lastSubmitted,
            () -> point.transferTo(point),
            () -> point.awaitUninterruptibly(WaitFor.SIGNALED),
            () -> point.awaitUninterruptibly(WaitFor.SUBMIT));
    for (Runnable operation : refused) {
      assertThatIllegalStateException().isThrownBy(operation::run).withMessageContaining("render");
    }
  }

  // ---- many at once ----

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void submitSignalAndWait_fromManyThreads_missNothing(boolean virtual) throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      int points = 100;
      SyncObject stress = SyncObject.create("stress");
      List<Fence> fences = new ArrayList<>();
      List<FenceContext> contexts = new ArrayList<>();
      for (int i = 0; i < points; i++) {
        contexts.add(FenceContext.create("work"));
        fences.add(contexts.getLast().newFence());
      }
      List<Threads.Body> bodies = new ArrayList<>();
      bodies.add(
          () -> {
            for (int i = 0; i < points; i++) {
              stress.at(i + 1).submit(fences.get(i));
            }
          });
      bodies.add(
          () -> {
            for (int i = points - 1; i >= 0; i--) {
              contexts.get(i).signal(fences.get(i));
            }
          });
      for (int waiter = 0; waiter < 4; waiter++) {
        int from = waiter;
        bodies.add(
            () -> {
              for (int i = from; i < points; i += 7) {
                stress.at(i + 1).await(WaitFor.SUBMIT);
                assertThat(fences.subList(0, i + 1)).allMatch(Fence::isSignaled);
                assertThat(stress.lastSignaled()).isGreaterThanOrEqualTo(i + 1L);
              }
            });
      }
      Threads.together(virtual, bodies);
      assertThat(stress.lastSignaled()).isEqualTo(points);
      assertThat(stress.waiting()).isZero();
      stress.close();
      contexts.forEach(FenceContext::close);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void submitResetAndClose_fromManyThreads_leaveNobodyWaiting(boolean virtual) throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      SyncObject stress = SyncObject.create("stress");
      AtomicLong next = new AtomicLong();
      CountDownLatch submitters = new CountDownLatch(3);
      List<Long> seen = Collections.synchronizedList(new ArrayList<>());
      Threads.Body submitter =
          () -> {
            for (int i = 0; i < 50; i++) {
              stress.at(next.incrementAndGet()).signal();
            }
            submitters.countDown();
          };
      Threads.Body waiter =
          () -> {
            for (long point = 10; ; point += 10) {
              try {
                stress.at(point).await(WaitFor.SUBMIT);
                seen.add(point);
              } catch (FenceAbandonedException | IllegalStateException closed) {
                assertThat(closed).hasMessageContaining("stress");
                return;
              }
            }
          };
      Threads.together(
          virtual,
          List.of(
              submitter,
              submitter,
              waiter,
              waiter,
              () -> {
                for (int i = 0; i < 20; i++) {
                  stress.reset();
                }
                submitters.countDown();
              },
              () -> {
                assertThat(submitters.await(Threads.LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
                stress.close();
              }));
      assertThat(seen).allMatch(point -> point <= 100);
      assertThat(stress.waiting()).isZero();
    }
  }

  @Test
  void fn5_interruptThatComesWithTheClose_isNotSwallowed() throws Exception {
    for (int i = 0; i < 200; i++) {
      SyncObject client = SyncObject.create("client");
      AtomicBoolean interruptedOrFlagged = new AtomicBoolean();
      Started waiter =
          Threads.platform(
              () -> {
                try {
                  client.at(1).await(WaitFor.SUBMIT, LONG);
                } catch (InterruptedException e) {
                  interruptedOrFlagged.set(true);
                } catch (FenceAbandonedException e) {
                  interruptedOrFlagged.set(Thread.interrupted());
                }
              });
      waiter.awaitBlocked();
      waiter.thread().interrupt();
      client.close();
      waiter.join();
      assertThat(interruptedOrFlagged).isTrue();
    }
  }
}
