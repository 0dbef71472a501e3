package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The rows of kernel/locking/test-ww_mutex.c, for both rules of waiting, with platform threads and
 * with virtual ones, at the sizes and times of {@link Scale}.
 */
final class WwRowsTest {
  /** Which rule, and on which threads. */
  record Kind(ReservationClass reservationClass, boolean virtual) {
    Threads.Started start(Threads.Body body) {
      return virtual ? Threads.virtual(body) : Threads.platform(body);
    }

    void together(List<Threads.Body> bodies) throws Exception {
      Threads.together(virtual, bodies);
    }

    List<Reservation> locks(int count) {
      return Stream.generate(() -> new Reservation(reservationClass)).limit(count).toList();
    }

    @Override
    public String toString() {
      return (reservationClass.isWaitDie() ? "wait-die" : "wound-wait")
          + (virtual ? ", virtual" : ", platform");
    }
  }

  static Stream<Kind> kinds() {
    ReservationClass woundWait = ReservationClass.woundWait("test");
    return Stream.of(ReservationClass.DEFAULT, woundWait)
        .flatMap(c -> Stream.of(new Kind(c, false), new Kind(c, true)));
  }

  private static Stream<Arguments> kindsAnd(int flags) {
    return kinds().flatMap(kind -> IntStream.range(0, flags).mapToObj(i -> Arguments.of(kind, i)));
  }

  static Stream<Arguments> kindsAndTwo() {
    return kindsAnd(2);
  }

  static Stream<Arguments> kindsAndFour() {
    return kindsAnd(4);
  }

  static Stream<Arguments> kindsAndEight() {
    return kindsAnd(8);
  }

  // ---- W1 to W4 ----

  @ParameterizedTest(name = "{0}, flags {1}")
  @MethodSource("kindsAndEight")
  void w1_mutex_excludes(Kind kind, int flags) throws Exception {
    boolean spin = (flags & 1) != 0;
    boolean tries = (flags & 2) != 0;
    Reservation lock = new Reservation(kind.reservationClass);
    CountDownLatch ready = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch done = new CountDownLatch(1);
    Threads.Started worker =
        kind.start(
            () -> {
              ready.countDown();
              go.await();
              if (tries) {
                while (!lock.tryLock()) {
                  Thread.yield();
                }
              } else {
                lock.lock();
              }
              done.countDown();
              lock.unlock();
            });
    ready.await();
    if ((flags & 4) != 0) {
      try (AcquireContext context = AcquireContext.begin(kind.reservationClass)) {
        context.lock(lock);
        go.countDown();
        assertThat(arrivesWhile(spin, done)).isFalse();
      }
    } else {
      lock.lock();
      go.countDown();
      assertThat(arrivesWhile(spin, done)).isFalse();
      lock.unlock();
    }
    worker.join();
    assertThat(done.getCount()).isZero();
    assertThat(lock.isLocked()).isFalse();
  }

  private static boolean arrivesWhile(boolean spin, CountDownLatch done) throws Exception {
    if (!spin) {
      return done.await(Scale.nanos(0.0625), TimeUnit.NANOSECONDS);
    }
    BooleanSupplier going = Scale.time(0.0625);
    while (going.getAsBoolean() && done.getCount() > 0) {
      Thread.yield();
    }
    return done.getCount() == 0;
  }

  @ParameterizedTest(name = "{0}, trylock {1}")
  @MethodSource("kindsAndTwo")
  void w2_aa_relockIsReportedAsHeld(Kind kind, int trylock) throws Exception {
    Reservation lock = new Reservation(kind.reservationClass);
    kind.start(
            () -> {
              try (AcquireContext context = AcquireContext.begin(kind.reservationClass)) {
                assertThat(trylock == 0 ? context.lock(lock) : context.tryLock(lock)).isTrue();
                assertThat(lock.tryLock()).isFalse();
                assertThat(context.tryLock(lock)).isFalse();
                assertThat(context.lock(lock)).as("EALREADY").isFalse();
                assertThat(context.held()).containsExactly(lock);
                context.unlock(lock);
                assertThat(lock.isLocked()).as("one unlock frees it").isFalse();
              }
            })
        .join();
  }

  @ParameterizedTest(name = "{0}, flags {1}")
  @MethodSource("kindsAndFour")
  void w3_abba_oneOfThemBacksOff(Kind kind, int flags) throws Exception {
    boolean trylock = (flags & 1) != 0;
    boolean resolve = (flags & 2) != 0;
    List<Reservation> locks = kind.locks(2);
    CyclicBarrier bothHoldOne = new CyclicBarrier(2);
    AtomicInteger deadlocks = new AtomicInteger();
    List<Threads.Body> bodies = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Reservation own = locks.get(i);
      Reservation other = locks.get(1 - i);
      bodies.add(
          () -> {
            try (AcquireContext context = AcquireContext.begin(kind.reservationClass)) {
              assertThat(trylock ? context.tryLock(own) : context.lock(own)).isTrue();
              assertThat(own.mutex.claim()).as("the owner that is recorded").isSameAs(context);
              bothHoldOne.await(Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
              try {
                context.lock(other);
              } catch (DeadlockException e) {
                deadlocks.incrementAndGet();
                if (resolve) {
                  context.unlock(own);
                  context.lockSlow();
                  context.lock(own); // free: the other one unlocks in reverse order
                }
              }
              if (resolve) {
                assertThat(context.held()).containsExactlyInAnyOrderElementsOf(locks);
              }
            }
          });
    }
    kind.together(bodies);
    assertThat(deadlocks.get()).isPositive();
    assertThat(locks).noneMatch(Reservation::isLocked);
  }

  /**
   * In a wait-die class a thread that has taken the contended lock may meet an older neighbour that
   * has all it needs and is about to unlock, and is told once more; each time somebody older gets
   * through, so that has an end. In a wound-wait class that can't be.
   */
  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void w4_cycle_everybodyGetsThrough(Kind kind) throws Exception {
    for (int n = 2; n <= Scale.CPUS + 1; n++) {
      int count = n;
      List<Reservation> ring = kind.locks(n);
      CyclicBarrier allHoldOne = new CyclicBarrier(n);
      AtomicInteger backOffs = new AtomicInteger();
      List<Threads.Body> bodies = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        Reservation own = ring.get(i);
        Reservation next = ring.get((i + 1) % n);
        bodies.add(
            () -> {
              try (AcquireContext context = AcquireContext.begin(kind.reservationClass)) {
                context.lock(own);
                allHoldOne.await(Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
                int told = lockSecond(context, own, next);
                assertThat(told).isLessThanOrEqualTo(kind.reservationClass.isWaitDie() ? count : 1);
                assertThat(context.held()).containsExactlyInAnyOrder(own, next);
                backOffs.addAndGet(told);
              }
            });
      }
      kind.together(bodies);
      assertThat(backOffs.get()).isPositive();
      assertThat(ring).noneMatch(Reservation::isLocked);
    }
  }

  private static int lockSecond(AcquireContext context, Reservation own, Reservation next)
      throws InterruptedException {
    Reservation have = own;
    for (int told = 0; ; told++) {
      try {
        context.lock(have == own ? next : own);
        return told;
      } catch (DeadlockException e) {
        context.unlock(have);
        context.lockSlow();
        have = have == own ? next : own;
      }
    }
  }

  // ---- W5 to W7 ----

  /** Locks in a fixed order; what the slow path has taken is skipped. */
  private static boolean inOrder(AcquireContext context, List<Reservation> order, Stress stress)
      throws InterruptedException {
    while (true) {
      try {
        for (Reservation each : order) {
          context.lock(each); // false for the one that was contended
        }
        return true;
      } catch (DeadlockException e) {
        stress.backOffs.incrementAndGet();
        context.backOff();
        if (!stress.going.getAsBoolean()) {
          return false;
        }
        context.lockSlow();
      }
    }
  }

  /** On contention the contended one moves to the head of the list, and all begins with it. */
  private static boolean reorder(AcquireContext context, List<Reservation> order, Stress stress)
      throws InterruptedException {
    int next = 0;
    while (next < order.size()) {
      try {
        assertThat(context.lock(order.get(next))).isTrue();
        next++;
      } catch (DeadlockException e) {
        stress.backOffs.incrementAndGet();
        context.backOff();
        if (!stress.going.getAsBoolean()) {
          return false;
        }
        context.lockSlow();
        order.addFirst(order.remove(next));
        next = 1;
      }
    }
    return true;
  }

  /** The locks that are fought for, and who is inside. */
  private static final class Stress {
    final Kind kind;
    final List<Reservation> locks;
    final BooleanSupplier going = Scale.time(2);
    final AtomicInteger backOffs = new AtomicInteger();
    final AtomicInteger rounds = new AtomicInteger();
    private final int[] entered; // by whoever holds the lock

    Stress(Kind kind, int count) {
      this.kind = kind;
      this.locks = kind.locks(count);
      this.entered = new int[count];
    }

    /** Locks all of them, in an order of its own. */
    Threads.Body all(boolean reorder, int seed) {
      List<Reservation> order = new ArrayList<>(locks);
      Collections.shuffle(order, new Random(seed));
      return () -> {
        do {
          try (AcquireContext context = AcquireContext.begin(kind.reservationClass)) {
            if (reorder ? reorder(context, order, this) : inOrder(context, order, this)) {
              assertThat(context.held()).hasSize(locks.size());
              for (int i = 0; i < entered.length; i++) {
                assertThat(++entered[i]).as("nobody else is inside").isEqualTo(1);
              }
              Scale.idle();
              Arrays.setAll(entered, i -> entered[i] - 1);
              rounds.incrementAndGet();
            }
          }
        } while (going.getAsBoolean());
      };
    }

    /** Locks one of them, without a context. */
    Threads.Body single(int seed) {
      Random random = new Random(seed);
      return () -> {
        do {
          int chosen = random.nextInt(locks.size());
          locks.get(chosen).lock();
          assertThat(++entered[chosen]).as("nobody else is inside").isEqualTo(1);
          Scale.idle();
          entered[chosen]--;
          locks.get(chosen).unlock();
          rounds.incrementAndGet();
        } while (going.getAsBoolean());
      };
    }

    void run(List<Threads.Body> workers) throws Exception {
      kind.together(workers);
      assertThat(locks).noneMatch(Reservation::isLocked);
      assertThat(entered).containsOnly(0);
      assertThat(rounds.get()).isPositive();
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void w5_stressInOrder_makesProgress(Kind kind) throws Exception {
    Stress stress = new Stress(kind, 16);
    stress.run(
        IntStream.range(0, 2 * Scale.CPUS).mapToObj(seed -> stress.all(false, seed)).toList());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void w6_stressReorder_makesProgress(Kind kind) throws Exception {
    Stress stress = new Stress(kind, 16);
    stress.run(
        IntStream.range(0, 2 * Scale.CPUS).mapToObj(seed -> stress.all(true, seed)).toList());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void w7_stressAll_makesProgress(Kind kind) throws Exception {
    Stress stress = new Stress(kind, Scale.size(2046, 64));
    List<Threads.Body> workers = new ArrayList<>();
    for (int i = 0; i < 3 * Scale.CPUS; i++) {
      switch (i % 4) {
        case 0 -> workers.add(stress.all(false, i));
        case 1 -> workers.add(stress.all(true, i));
        case 2 -> workers.add(stress.single(i));
        default -> {}
      }
    }
    stress.run(workers);
  }
}
