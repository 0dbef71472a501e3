package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class AcquireContextTest {
  private final Reservation a = new Reservation();
  private final Reservation b = new Reservation();
  private final Reservation c = new Reservation();

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

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void w5_stressInOrder_lockAllInAnyOrderMakesProgress(boolean virtual) throws Exception {
    List<Reservation> all = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      all.add(new Reservation());
    }
    AtomicInteger[] inside = new AtomicInteger[16];
    for (int i = 0; i < 16; i++) {
      inside[i] = new AtomicInteger();
    }
    BooleanSupplier going = Threads.stressTime();
    List<Threads.Started> workers = new ArrayList<>();
    for (int worker = 0; worker < 8; worker++) {
      int seed = worker;
      Threads.Body body =
          () -> {
            Random random = new Random(seed);
            int rounds = 0;
            while (going.getAsBoolean() || rounds == 0) {
              List<Reservation> some = new ArrayList<>(all);
              Collections.shuffle(some, random);
              some = some.subList(0, 1 + random.nextInt(16));
              try (AcquireContext context = AcquireContext.lockAll(some)) {
                for (Reservation held : context.held()) {
                  assertThat(inside[all.indexOf(held)].incrementAndGet()).isEqualTo(1);
                }
                for (Reservation held : context.held()) {
                  inside[all.indexOf(held)].decrementAndGet();
                }
              }
              rounds++;
            }
          };
      workers.add(virtual ? Threads.virtual(body) : Threads.platform(body));
    }
    for (Threads.Started worker : workers) {
      worker.join();
    }
    assertThat(all).noneMatch(Reservation::isLocked);
  }

  @Test
  void w6_stressReorder_backOffMakesProgress() throws Exception {
    List<Reservation> all = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      all.add(new Reservation());
    }
    BooleanSupplier going = Threads.stressTime();
    AtomicInteger backOffs = new AtomicInteger();
    List<Threads.Body> workers = new ArrayList<>();
    for (int worker = 0; worker < 6; worker++) {
      int seed = worker;
      workers.add(
          () -> {
            List<Reservation> order = new ArrayList<>(all);
            Collections.shuffle(order, new Random(seed));
            int rounds = 0;
            while (going.getAsBoolean() || rounds++ == 0) {
              try (AcquireContext context = AcquireContext.begin()) {
                lockWithBackOff(context, order, backOffs);
                assertThat(context.held()).containsExactlyInAnyOrderElementsOf(all);
                Thread.onSpinWait();
              }
            }
          });
    }
    Threads.together(workers);
    assertThat(all).noneMatch(Reservation::isLocked);
  }

  private static void lockWithBackOff(
      AcquireContext context, List<Reservation> order, AtomicInteger backOffs)
      throws InterruptedException {
    boolean complete = false;
    while (!complete) {
      try {
        for (Reservation next : order) {
          context.lock(next);
        }
        complete = true;
      } catch (DeadlockException contended) {
        backOffs.incrementAndGet();
        context.backOff();
        assertThat(context.held()).isEmpty();
        context.lockSlow();
        assertThat(context.held()).hasSize(1);
      }
    }
  }

  @Test
  void w2_aa_relockIsReportedAsHeld() throws InterruptedException {
    try (AcquireContext context = AcquireContext.begin()) {
      assertThat(context.lock(a)).isTrue();
      assertThat(context.lock(a)).as("EALREADY").isFalse();
      assertThat(a.tryLock()).isFalse();
      assertThat(context.held()).containsExactly(a);
    }
    assertThat(a.isLocked()).isFalse();
  }

  @Test
  void w3_abba_atLeastOneIsToldToBackOff() throws Exception {
    CyclicBarrier bothHoldOne = new CyclicBarrier(2);
    CyclicBarrier bothTried = new CyclicBarrier(2);
    AtomicInteger deadlocks = new AtomicInteger();
    AtomicInteger completed = new AtomicInteger();
    List<Threads.Body> bodies = new ArrayList<>();
    for (List<Reservation> order : List.of(List.of(a, b), List.of(b, a))) {
      bodies.add(
          () -> {
            try (AcquireContext context = AcquireContext.begin()) {
              context.lock(order.get(0));
              bothHoldOne.await(Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
              boolean told = false;
              try {
                context.lock(order.get(1));
              } catch (DeadlockException e) {
                told = true;
                deadlocks.incrementAndGet();
              }
              bothTried.await(Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
              if (told) {
                context.backOff();
                context.lockSlow();
                try {
                  context.lock(order.get(0));
                } catch (DeadlockException again) {
                  context.backOff();
                  context.lockSlow();
                  while (context.held().size() < 2) {
                    lockWithBackOff(context, order, deadlocks);
                  }
                }
              }
              assertThat(context.held()).containsExactlyInAnyOrder(a, b);
              completed.incrementAndGet();
            }
          });
    }
    Threads.together(bodies);
    assertThat(deadlocks.get()).isPositive();
    assertThat(completed).hasValue(2);
  }

  @Test
  void w4_cycle_everybodyGetsThrough() throws Exception {
    for (int n = 2; n <= 9; n++) {
      int count = n;
      List<Reservation> ring = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        ring.add(new Reservation());
      }
      CyclicBarrier allHoldOne = new CyclicBarrier(n);
      List<Threads.Body> bodies = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        int me = i;
        bodies.add(
            () -> {
              try (AcquireContext context = AcquireContext.begin()) {
                context.lock(ring.get(me));
                allHoldOne.await(Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
                List<Reservation> order = List.of(ring.get(me), ring.get((me + 1) % count));
                lockWithBackOff(context, order, new AtomicInteger());
                assertThat(context.held()).containsExactlyInAnyOrderElementsOf(order);
              }
            });
      }
      Threads.together(bodies);
      assertThat(ring).noneMatch(Reservation::isLocked);
    }
  }

  @Test
  void w1_lockWithinAContext_excludesAPlainLock() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    Threads.Started worker;
    try (AcquireContext context = AcquireContext.begin()) {
      context.lock(a);
      worker =
          Threads.platform(
                  () -> {
                    a.lock();
                    done.countDown();
                    a.unlock();
                  })
              .awaitBlocked();
      assertThat(done.getCount()).isEqualTo(1);
    }
    worker.join();
  }

  @Test
  void protocol_misuse_isReported() throws Exception {
    try (AcquireContext context = AcquireContext.begin()) {
      assertThatIllegalStateException()
          .isThrownBy(context::backOff)
          .withMessageContaining("without contention");
      assertThatIllegalStateException()
          .isThrownBy(context::lockSlow)
          .withMessageContaining("without contention");
      context.lock(a);
      CountDownLatch held = new CountDownLatch(1);
      CountDownLatch letGo = new CountDownLatch(1);
      Threads.Started other =
          Threads.platform(
              () -> {
                b.lock();
                held.countDown();
                letGo.await();
                b.unlock();
              });
      held.await();
      assertThatExceptionOfType(DeadlockException.class)
          .isThrownBy(() -> context.lock(b))
          .satisfies(deadlock -> assertThat(deadlock.errno()).contains(Errno.EDEADLK));
      assertThatIllegalStateException()
          .isThrownBy(() -> context.lock(c))
          .withMessageContaining("backOff");
      assertThatIllegalStateException()
          .isThrownBy(context::lockSlow)
          .withMessageContaining("backOff");
      context.backOff();
      assertThat(a.isLocked()).isFalse();
      assertThatIllegalStateException()
          .isThrownBy(() -> context.lock(c))
          .withMessageContaining("lockSlow");
      letGo.countDown();
      context.lockSlow();
      assertThat(context.held()).containsExactly(b);
      context.lock(a);
      context.done();
      assertThatIllegalStateException()
          .isThrownBy(() -> context.lock(c))
          .withMessageContaining("done");
      other.join();
    }
    assertThat(List.of(a, b, c)).noneMatch(Reservation::isLocked);
  }

  @Test
  void closed_isReported() throws InterruptedException {
    AcquireContext context = AcquireContext.lockAll(a);
    context.close();
    assertThatIllegalStateException().isThrownBy(() -> context.lock(b));
    assertThatIllegalStateException().isThrownBy(context::backOff);
    assertThatIllegalStateException().isThrownBy(context::lockSlow);
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
                assertThatIllegalStateException().isThrownBy(context::done);
                assertThatIllegalStateException().isThrownBy(context::backOff);
                assertThatIllegalStateException().isThrownBy(context::lockSlow);
              })
          .join();
      assertThat(a.isHeldByCurrentThread()).isTrue();
    }
  }

  @Test
  void lockSlow_interrupted_holdsNothingAndMayBeRepeated() throws Exception {
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch letGo = new CountDownLatch(1);
    Threads.Started holder =
        Threads.platform(
            () -> {
              b.lock();
              held.countDown();
              letGo.await();
              b.unlock();
            });
    held.await();
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
                letGo.countDown();
                context.lockSlow();
                assertThat(context.held()).containsExactly(b);
              }
            });
    locker.awaitBlocked().thread().interrupt();
    locker.join();
    holder.join();
    assertThat(List.of(a, b)).noneMatch(Reservation::isLocked);
  }
}
