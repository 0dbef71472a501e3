package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is promised beyond the rows of {@link WwRowsTest}. */
final class AcquireContextTest {
  private final Reservation a = new Reservation();
  private final Reservation b = new Reservation();
  private final Reservation c = new Reservation();

  /** A thread that holds something until it is told to let go. */
  private record Holder(Threads.Started thread, CountDownLatch release) {
    void letGo() throws Exception {
      release.countDown();
      thread.join();
    }
  }

  /** A context that is older than all that begin after this returns. */
  private static Holder older(Reservation held) throws Exception {
    CountDownLatch holds = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    Threads.Started thread =
        Threads.platform(
            () -> {
              try (AcquireContext context = AcquireContext.begin(held.reservationClass())) {
                context.lock(held);
                holds.countDown();
                release.await();
              }
            });
    assertThat(holds.await(Threads.LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
    return new Holder(thread, release);
  }

  private static <T> T get(java.util.concurrent.CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  // ---- sets ----

  @Test
  void lockAll_holdsEachOnce_andCloseUnlocksThem() throws InterruptedException {
    AcquireContext context = AcquireContext.lockAll(c, a, b, a, c);
    assertThat(context.held()).containsExactlyInAnyOrder(a, b, c);
    assertThat(List.of(a, b, c)).allMatch(Reservation::isHeldByCurrentThread);
    context.close();
    assertThat(List.of(a, b, c)).noneMatch(Reservation::isLocked);
    context.close();
    try (AcquireContext none = AcquireContext.lockAll()) {
      assertThat(none.held()).isEmpty();
    }
    try (AcquireContext again = AcquireContext.lockAllUninterruptibly(List.of(b, b))) {
      assertThat(again.held()).containsExactly(b);
    }
  }

  @Test
  void lockAll_interrupted_holdsNothing() throws Exception {
    b.lock();
    Threads.Started locker =
        Threads.platform(
            () -> {
              assertThatExceptionOfType(InterruptedException.class)
                  .isThrownBy(() -> AcquireContext.lockAll(a, b, c));
              assertThat(List.of(a, b, c)).noneMatch(Reservation::isHeldByCurrentThread);
              try (AcquireContext again =
                  AcquireContext.lockAll(a, c)) { // the thread is not left in a context
                assertThat(again.held()).hasSize(2);
              }
            });
    locker.awaitBlocked().thread().interrupt();
    locker.join();
    b.unlock();
    assertThat(List.of(a, b, c)).noneMatch(Reservation::isLocked);
  }

  @Test
  void lockAllUninterruptibly_keepsTheInterruptForLater() throws Exception {
    b.lock();
    Threads.Started locker =
        Threads.platform(
            () -> {
              try (AcquireContext context =
                  AcquireContext.lockAllUninterruptibly(List.of(a, b, c))) {
                assertThat(context.held()).hasSize(3);
              }
              assertThat(Thread.interrupted()).isTrue();
            });
    locker.awaitBlocked().thread().interrupt();
    b.unlock();
    locker.join();
  }

  @Test
  void lockAll_backsOffForAnOlderContext_andGetsThrough() throws Exception {
    Holder older = older(b);
    Threads.Started locker =
        Threads.virtual(
            () -> {
              try (AcquireContext context = AcquireContext.lockAll(a, b, c)) {
                assertThat(context.held()).containsExactlyInAnyOrder(a, b, c);
              }
            });
    locker.awaitBlocked();
    Threads.until(() -> !a.isLocked()); // given back before it waits
    older.letGo();
    locker.join();
  }

  @Test
  void prepareAll_makesRoomInEach() throws InterruptedException {
    Fence fence = Fence.stub();
    try (AcquireContext context = AcquireContext.prepareAll(2, a, b)) {
      for (Reservation each : context.held()) {
        each.add(fence, FenceUsage.READ);
        each.add(fence, FenceUsage.READ);
        assertThatIllegalStateException().isThrownBy(() -> each.add(fence, FenceUsage.READ));
      }
    }
    assertThat(List.of(a, b)).noneMatch(Reservation::isLocked);
  }

  @Test
  void prepareAll_refusesDuplicatesUnlessAskedToIgnoreThem() throws InterruptedException {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AcquireContext.prepareAll(1, a, b, a))
        .withMessageContaining("Duplicates.IGNORE");
    assertThat(List.of(a, b)).noneMatch(Reservation::isLocked);
    try (AcquireContext context =
        AcquireContext.prepareAll(AcquireContext.Duplicates.IGNORE, 1, List.of(a, b, a))) {
      assertThat(context.held()).containsExactlyInAnyOrder(a, b);
      a.add(Fence.stub(), FenceUsage.READ);
      a.add(Fence.stub(), FenceUsage.READ); // once for each time it was given
      assertThatIllegalStateException().isThrownBy(() -> a.add(Fence.stub(), FenceUsage.READ));
    }
  }

  @Test
  void prepareAll_afterContention_doesNotTakeTheContendedForADuplicate() throws Exception {
    Holder older = older(b);
    Threads.Started locker =
        Threads.platform(() -> AcquireContext.prepareAll(1, a, b, c).close()).awaitBlocked();
    older.letGo();
    locker.join();
  }

  @Test
  void prepare_thatCanNotMakeRoom_holdsNothing() {
    assertThatIllegalArgumentException().isThrownBy(() -> AcquireContext.prepareAll(0, a));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AcquireContext.prepareAll(Integer.MAX_VALUE, a, b));
    assertThat(List.of(a, b)).noneMatch(Reservation::isLocked);
    try (AcquireContext context = AcquireContext.begin()) {
      assertThatIllegalArgumentException().isThrownBy(() -> context.prepare(a, 0));
      assertThat(a.isLocked()).as("unlocked again (CX2)").isFalse();
      assertThat(context.lockUninterruptibly(a)).isTrue();
      assertThatIllegalArgumentException().isThrownBy(() -> context.prepare(a, 0));
      assertThat(context.held()).as("it was held before").containsExactly(a);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void lockAll_inAnyOrder_makesProgress(boolean virtual) throws Exception {
    List<Reservation> all = new ArrayList<>();
    List<AtomicInteger> inside = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      all.add(new Reservation());
      inside.add(new AtomicInteger());
    }
    BooleanSupplier going = Threads.stressTime();
    List<Threads.Started> workers = new ArrayList<>();
    for (int worker = 0; worker < 8; worker++) {
      Random random = new Random(worker);
      Threads.Body body =
          () -> {
            do {
              List<Reservation> some = new ArrayList<>(all);
              Collections.shuffle(some, random);
              some = some.subList(0, 1 + random.nextInt(16));
              try (AcquireContext context = AcquireContext.lockAll(some)) {
                for (Reservation held : context.held()) {
                  assertThat(inside.get(all.indexOf(held)).incrementAndGet()).isEqualTo(1);
                }
                for (Reservation held : context.held()) {
                  inside.get(all.indexOf(held)).decrementAndGet();
                }
              }
            } while (going.getAsBoolean());
          };
      workers.add(virtual ? Threads.virtual(body) : Threads.platform(body));
    }
    for (Threads.Started worker : workers) {
      worker.join();
    }
    assertThat(all).noneMatch(Reservation::isLocked);
  }

  // ---- bodies ----

  @Test
  void run_beginsAgainWithTheContendedOneLocked() throws Exception {
    Holder older = older(b);
    List<List<Reservation>> rounds = new ArrayList<>();
    Threads.Started runner =
        Threads.platform(
            () ->
                AcquireContext.run(
                    context -> {
                      rounds.add(context.held());
                      assertThat(context.lock(a)).isTrue();
                      assertThat(context.lock(b)).as("as if it were not held yet").isTrue();
                      assertThat(context.lock(b)).isFalse();
                    }));
    runner.awaitBlocked();
    older.letGo();
    runner.join();
    assertThat(rounds).containsExactly(List.of(), List.of(b));
    assertThat(List.of(a, b)).noneMatch(Reservation::isLocked);
  }

  @Test
  void run_whoseBodySwallowsTheContention_isRunAgain() throws Exception {
    Holder older = older(b);
    AtomicInteger rounds = new AtomicInteger();
    Threads.Started runner =
        Threads.platform(
            () ->
                AcquireContext.run(
                    context -> {
                      rounds.incrementAndGet();
                      try {
                        context.lock(a);
                        context.lock(b);
                      } catch (RuntimeException swallowed) {
                        assertThat(swallowed).isInstanceOf(DeadlockException.class);
                      }
                    }));
    runner.awaitBlocked();
    older.letGo();
    runner.join();
    assertThat(rounds).hasValue(2);
  }

  @Test
  void run_thatThrows_unlocksEverything_andCallGivesAResult() throws Exception {
    assertThatExceptionOfType(java.io.IOException.class)
        .isThrownBy(
            () ->
                AcquireContext.run(
                    context -> {
                      context.lock(a);
                      throw new java.io.IOException("body");
                    }));
    assertThat(a.isLocked()).isFalse();
    DeadlockException foreign = new DeadlockException("lock", "of somebody else");
    assertThatExceptionOfType(DeadlockException.class)
        .isThrownBy(
            () ->
                AcquireContext.run(
                    context -> {
                      throw foreign;
                    }))
        .isSameAs(foreign);
    ReservationClass other = ReservationClass.woundWait("other");
    AcquireContext.run(other, context -> context.lock(new Reservation(other)));
    int held =
        AcquireContext.call(
            context -> {
              context.lock(a);
              context.lock(b);
              return context.held().size();
            });
    assertThat(held).isEqualTo(2);
  }

  @Test
  void lockAllAsync_runsTheBodyUnderTheLocks_andTellsWithoutThem() throws Exception {
    a.lock();
    var stage =
        AcquireContext.lockAllAsync(
            List.of(a, b, a),
            context -> {
              assertThat(List.of(a, b)).allMatch(Reservation::isHeldByCurrentThread);
              assertThatIllegalStateException().isThrownBy(() -> context.lock(c));
              return context.held().size();
            });
    CompletableFuture<Boolean> lockedWhenTold = new CompletableFuture<>();
    stage.thenAccept(_ -> lockedWhenTold.complete(b.isLocked()));
    assertThat(stage.toCompletableFuture().isDone()).isFalse();
    a.unlock();
    int size = get(stage);
    assertThat(size).isEqualTo(2);
    boolean locked = get(lockedWhenTold);
    assertThat(locked).isFalse();
  }

  @Test
  void lockAllAsync_failures_areTheStages() throws Exception {
    var failed =
        AcquireContext.lockAllAsync(
            List.of(a),
            context -> {
              throw new java.io.IOException("body");
            });
    assertThatExceptionOfType(ExecutionException.class)
        .isThrownBy(() -> get(failed))
        .withCauseInstanceOf(java.io.IOException.class);
    assertThat(a.isLocked()).isFalse();
    var refused =
        AcquireContext.lockAllAsync(
            List.of(a),
            task -> {
              throw new RejectedExecutionException("full");
            },
            context -> 1);
    assertThatExceptionOfType(ExecutionException.class)
        .isThrownBy(() -> get(refused))
        .withCauseInstanceOf(RejectedExecutionException.class);
    int inline = get(AcquireContext.lockAllAsync(List.of(), Runnable::run, context -> 1));
    assertThat(inline).isEqualTo(1);
  }

  // ---- the rules of waiting ----

  @Test
  void contextThatHoldsNothing_waitsForAnOlderOne() throws Exception {
    Holder older = older(a);
    Threads.Started waiter =
        Threads.platform(
            () -> {
              try (AcquireContext context = AcquireContext.begin()) {
                context.lock(a);
              }
            });
    waiter.awaitBlocked();
    older.letGo();
    waiter.join();
  }

  @Test
  void contextThatHoldsSomething_waitsForAThreadWithoutOne() throws Exception {
    b.lock();
    Threads.Started waiter =
        Threads.platform(
            () -> {
              try (AcquireContext context = AcquireContext.begin()) {
                context.lock(a);
                context.lock(b);
              }
            });
    waiter.awaitBlocked();
    assertThat(a.isLocked()).isTrue();
    b.unlock();
    waiter.join();
  }

  @Test
  void retry_keepsTheAge() throws Exception {
    Holder older = older(b);
    try (AcquireContext context = AcquireContext.begin()) {
      context.lock(a);
      assertThatExceptionOfType(DeadlockException.class).isThrownBy(() -> context.lock(b));
      context.backOff();
      AcquireContext[] later = new AcquireContext[1];
      Threads.platform(() -> AcquireContext.run(begun -> later[0] = begun)).join();
      older.letGo();
      context.lockSlow();
      assertThat(context.isOlderThan(later[0])).isTrue();
    }
  }

  // ---- misuse ----

  @Test
  void protocol_misuse_isReported() throws Exception {
    Holder older = older(b);
    try (AcquireContext context = AcquireContext.begin()) {
      assertThatIllegalStateException()
          .isThrownBy(context::backOff)
          .withMessageContaining("without contention");
      assertThatIllegalStateException()
          .isThrownBy(context::lockSlow)
          .withMessageContaining("without contention");
      context.lock(a);
      assertThatExceptionOfType(DeadlockException.class)
          .isThrownBy(() -> context.lock(b))
          .satisfies(deadlock -> assertThat(deadlock.errno()).contains(Errno.EDEADLK));
      assertThatIllegalStateException()
          .isThrownBy(() -> context.lock(c))
          .withMessageContaining("backOff");
      assertThatIllegalStateException().isThrownBy(() -> context.tryLock(c));
      assertThatIllegalStateException()
          .isThrownBy(context::lockSlowUninterruptibly)
          .withMessageContaining("backOff");
      context.backOff();
      assertThat(a.isLocked()).isFalse();
      assertThatIllegalStateException()
          .isThrownBy(() -> context.lock(c))
          .withMessageContaining("lockSlow");
      older.letGo();
      context.lockSlowUninterruptibly();
      assertThat(context.held()).containsExactly(b);
      context.lock(a);
      context.done();
      context.done();
      assertThatIllegalStateException()
          .isThrownBy(() -> context.lock(c))
          .withMessageContaining("done");
      assertThatIllegalStateException().isThrownBy(() -> context.tryLock(c));
      assertThatIllegalStateException()
          .isThrownBy(() -> context.unlock(c))
          .withMessageContaining("holds");
      assertThat(context.held()).containsExactly(b, a);
    }
    assertThat(List.of(a, b, c)).noneMatch(Reservation::isLocked);
  }

  @Test
  void contention_mayBeAbandoned() throws Exception {
    Holder older = older(b);
    try (AcquireContext context = AcquireContext.begin()) {
      context.lock(a);
      assertThatExceptionOfType(DeadlockException.class).isThrownBy(() -> context.lock(b));
    }
    assertThat(a.isLocked()).isFalse();
    older.letGo();
  }

  @Test
  void closed_isReported() throws InterruptedException {
    AcquireContext context = AcquireContext.lockAll(a);
    context.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> context.lock(b))
        .withMessageContaining("closed");
    assertThatIllegalStateException().isThrownBy(context::backOff);
    assertThatIllegalStateException().isThrownBy(context::lockSlow);
    assertThatIllegalStateException().isThrownBy(() -> context.unlock(a));
  }

  @Test
  void anotherThread_isRefused() throws Exception {
    try (AcquireContext context = AcquireContext.lockAll(a)) {
      Threads.platform(
              () -> {
                assertThatIllegalStateException()
                    .isThrownBy(context::close)
                    .withMessageContaining("belongs to the thread");
                assertThatIllegalStateException().isThrownBy(() -> context.lock(b));
                assertThatIllegalStateException().isThrownBy(() -> context.unlock(a));
                assertThatIllegalStateException().isThrownBy(a::unlock);
                assertThatIllegalStateException().isThrownBy(context::held);
                assertThatIllegalStateException().isThrownBy(context::done);
                assertThatIllegalStateException().isThrownBy(context::backOff);
                assertThatIllegalStateException().isThrownBy(context::lockSlow);
              })
          .join();
      assertThat(a.isHeldByCurrentThread()).isTrue();
    }
  }

  @Test
  void reservationOfAnotherClass_isRefused() throws InterruptedException {
    Reservation other = new Reservation(ReservationClass.woundWait("other"));
    try (AcquireContext context = AcquireContext.begin()) {
      context.lock(a);
      assertThatIllegalStateException()
          .isThrownBy(() -> context.lock(other))
          .withMessageContaining("other (wound-wait)");
      assertThat(context.held()).containsExactly(a);
    }
    assertThatIllegalStateException().isThrownBy(() -> AcquireContext.lockAll(a, other));
    assertThat(List.of(a, other)).noneMatch(Reservation::isLocked);
  }

  @Test
  void reservationThatThisThreadHoldsWithoutTheContext_isRefused() throws InterruptedException {
    try (AcquireContext context = AcquireContext.begin()) {
      assertThat(a.tryLock()).isTrue();
      assertThatIllegalStateException()
          .isThrownBy(() -> context.lock(a))
          .withMessageContaining("held by this thread");
      assertThat(context.tryLock(a)).isFalse();
      assertThat(context.held()).isEmpty();
      a.unlock();
    }
  }

  @Test
  void unlock_ofOne_byTheContextOrTheReservation_leavesTheOthers() throws InterruptedException {
    try (AcquireContext context = AcquireContext.lockAll(a, b, c)) {
      context.unlock(b);
      assertThat(context.held()).containsExactlyInAnyOrder(a, c);
      assertThat(b.isLocked()).isFalse();
      c.unlock();
      assertThat(context.held()).containsExactly(a);
      assertThatIllegalStateException().isThrownBy(c::unlock);
    }
    assertThat(List.of(a, b, c)).noneMatch(Reservation::isLocked);
  }

  @Test
  void lockSlow_interrupted_holdsNothingAndMayBeRepeated() throws Exception {
    Holder older = older(b);
    Threads.Started locker =
        Threads.platform(
            () -> {
              try (AcquireContext context = AcquireContext.begin()) {
                context.lock(a);
                assertThatExceptionOfType(DeadlockException.class)
                    .isThrownBy(() -> context.lock(b));
                context.backOff();
                assertThatExceptionOfType(InterruptedException.class).isThrownBy(context::lockSlow);
                assertThat(context.held()).isEmpty();
                older.release().countDown();
                context.lockSlow();
                assertThat(context.held()).containsExactly(b);
              }
            });
    locker.awaitBlocked().thread().interrupt();
    locker.join();
    older.letGo();
    assertThat(List.of(a, b)).noneMatch(Reservation::isLocked);
  }

  @Test
  void cw1_contextsOfTwoClasses_areHeldByOneThreadTogether() throws Exception {
    ReservationClass outerClass = ReservationClass.woundWait("outer");
    ReservationClass innerClass = ReservationClass.waitDie("inner");
    Reservation[] outer = {new Reservation(outerClass), new Reservation(outerClass)};
    Reservation[] inner = {new Reservation(innerClass), new Reservation(innerClass)};
    Threads.Body nested =
        () -> {
          for (int i = 0; i < 1000; i++) {
            int turn = i & 1; // each pair in both orders
            try (AcquireContext _ = AcquireContext.lockAll(outer[turn], outer[1 - turn]);
                AcquireContext _ = AcquireContext.lockAll(inner[1 - turn], inner[turn])) {
              assertThat(outer[0].isHeldByCurrentThread()).isTrue();
              assertThat(inner[1].isHeldByCurrentThread()).isTrue();
            }
            assertThat(outer[0].isHeldByCurrentThread()).isFalse();
          }
        };
    Threads.together(nested, nested, nested);
    for (Reservation each : new Reservation[] {outer[0], outer[1], inner[0], inner[1]}) {
      assertThat(each.isLocked()).isFalse();
    }
  }
}
