package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The queue of the lock and the rules of waiting, step by step. */
final class WwMutexTest {
  private static final ReservationClass WOUND_WAIT = ReservationClass.woundWait("test");

  private final List<Actor> actors = new ArrayList<>();

  /**
   * A thread with a context, which does one thing after the other. Actors are made oldest first.
   */
  private final class Actor {
    private final LinkedBlockingQueue<Threads.Body> todo = new LinkedBlockingQueue<>();
    private final AtomicInteger left = new AtomicInteger();
    private final AtomicBoolean over = new AtomicBoolean();
    private AcquireContext context;
    final Threads.Started started;

    Actor(ReservationClass lockClass) throws Exception {
      started =
          Threads.platform(
              () -> {
                try (AcquireContext begun = AcquireContext.begin(lockClass)) {
                  context = begun;
                  while (!over.get()) {
                    todo.take().run();
                    left.decrementAndGet();
                  }
                }
              });
      actors.add(this);
      does(() -> {}); // its age is fixed
    }

    /** Does something that ends, now. */
    void does(Threads.Body body) throws Exception {
      begins(body);
      Threads.until(() -> left.get() == 0 || started.task().isDone());
      if (started.task().isDone()) {
        started.join(); // throws
      }
    }

    /** Begins something that has to wait. */
    void begins(Threads.Body body) {
      left.incrementAndGet();
      todo.add(body);
    }

    /** Begins to lock something that it has to wait for. */
    void waitsFor(Reservation lock) {
      begins(() -> context.lock(lock));
      untilQueued(started.thread(), lock);
    }

    /** Is to be told to back off from what it waits for. */
    void waitsInVainFor(Reservation lock) {
      begins(
          () ->
              assertThatExceptionOfType(DeadlockException.class)
                  .isThrownBy(() -> context.lock(lock)));
      untilQueued(started.thread(), lock);
    }

    void ends() throws Exception {
      does(() -> over.set(true));
      started.join();
    }
  }

  private static void untilQueued(Thread thread, Reservation lock) {
    Threads.until(
        () ->
            thread.getState() == Thread.State.WAITING
                && java.util.concurrent.locks.LockSupport.getBlocker(thread) == lock.mutex);
  }

  @AfterEach
  void everybodyEnds() throws Exception {
    for (Actor actor : actors) {
      actor.ends();
    }
  }

  // ---- the queue ----

  @Test
  void waiters_getTheLockByAge_thoseWithoutContextFirstInFirstOut() throws Exception {
    Reservation lock = new Reservation();
    List<String> got = new CopyOnWriteArrayList<>();
    Actor oldest = new Actor(lock.reservationClass());
    Actor older = new Actor(lock.reservationClass());
    Actor young = new Actor(lock.reservationClass());
    lock.lock();
    List<Threads.Started> plain = new ArrayList<>();
    plain.add(plainWaiter(lock, got, "plain 1"));
    gets(young, lock, got, "young");
    plain.add(plainWaiter(lock, got, "plain 2"));
    gets(oldest, lock, got, "oldest");
    gets(older, lock, got, "older");
    lock.unlock();
    for (Threads.Started each : plain) {
      each.join();
    }
    Threads.until(() -> got.size() == 5);
    assertThat(got).containsExactly("plain 1", "oldest", "older", "young", "plain 2");
  }

  private static Threads.Started plainWaiter(Reservation lock, List<String> got, String name) {
    Threads.Started waiter =
        Threads.platform(
            () -> {
              lock.lock();
              got.add(name);
              lock.unlock();
            });
    untilQueued(waiter.thread(), lock);
    return waiter;
  }

  private static void gets(Actor actor, Reservation lock, List<String> got, String name) {
    actor.begins(
        () -> {
          actor.context.lock(lock);
          got.add(name);
          actor.context.unlock(lock);
        });
    untilQueued(actor.started.thread(), lock);
  }

  @Test
  void whoeverComesWhileItIsFree_doesNotStarveTheFirstWaiter() throws Exception {
    Reservation lock = new Reservation();
    AtomicBoolean stop = new AtomicBoolean();
    Threads.Body greedy =
        () -> {
          while (!stop.get()) {
            lock.lock();
            lock.unlock();
          }
        };
    List<Threads.Started> threads =
        List.of(Threads.platform(greedy), Threads.platform(greedy), Threads.virtual(greedy));
    for (int i = 0; i < 100; i++) {
      lock.lock(); // in a limited number of turns, not when the others pause
      lock.unlock();
    }
    stop.set(true);
    for (Threads.Started each : threads) {
      each.join();
    }
  }

  @Test
  void timedForms_endInTime_andKeepTheQueueIntact() throws Exception {
    Reservation lock = new Reservation();
    lock.lock();
    Threads.Started waiter = Threads.platform(() -> tryAndUnlock(lock)).awaitBlocked();
    Threads.Started lasting = plainWaiter(lock, new ArrayList<>(), "lasting");
    waiter.join();
    lock.unlock();
    lasting.join();
    assertThat(lock.tryLockUninterruptibly(Duration.ZERO)).isTrue();
    lock.unlock();
  }

  private static void tryAndUnlock(Reservation lock) throws InterruptedException {
    assertThat(lock.tryLock(Duration.ofMillis(20))).isFalse();
    Thread.currentThread().interrupt();
    assertThat(lock.tryLockUninterruptibly(Duration.ofMillis(1))).isFalse();
    assertThat(Thread.interrupted()).as("kept for later").isTrue();
  }

  @Test
  void uninterruptibleLock_keepsTheInterruptForLater() throws Exception {
    Reservation lock = new Reservation();
    lock.lock();
    Threads.Started waiter =
        Threads.platform(
            () -> {
              lock.lock();
              assertThat(Thread.interrupted()).isTrue();
              lock.unlock();
            });
    untilQueued(waiter.thread(), lock);
    waiter.thread().interrupt();
    lock.unlock();
    waiter.join();
  }

  /** An interrupt or a time-out that meets a hand-off takes it or passes it on. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void interruptsAndTimeouts_loseNoWakeUp(boolean virtual) throws Exception {
    Reservation lock = new Reservation();
    BooleanSupplier going = Threads.stressTime();
    AtomicInteger inside = new AtomicInteger();
    List<Threads.Started> workers = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      int kind = i;
      Threads.Body body =
          () -> {
            while (going.getAsBoolean()) {
              try {
                if (switch (kind % 3) {
                  case 0 -> lock.tryLock(Duration.ofNanos(20_000));
                  case 1 -> {
                    lock.lockInterruptibly();
                    yield true;
                  }
                  default -> {
                    lock.lock();
                    yield true;
                  }
                }) {
                  assertThat(inside.incrementAndGet()).isEqualTo(1);
                  inside.decrementAndGet();
                  lock.unlock();
                }
              } catch (InterruptedException expected) {
                assertThat(lock.isHeldByCurrentThread()).isFalse();
              }
              boolean _ = Thread.interrupted();
            }
          };
      workers.add(virtual ? Threads.virtual(body) : Threads.platform(body));
    }
    while (going.getAsBoolean()) {
      workers.get(1).thread().interrupt();
      workers.get(4).thread().interrupt();
      Thread.yield();
    }
    for (Threads.Started each : workers) {
      each.join(); // who lost a wake-up is stuck here
    }
    assertThat(lock.isLocked()).isFalse();
  }

  // ---- wait-die ----

  @Test
  void waitDie_olderWaitsForYounger_youngerBacksOff() throws Exception {
    Reservation first = new Reservation();
    Reservation second = new Reservation();
    Actor older = new Actor(first.reservationClass());
    Actor younger = new Actor(first.reservationClass());
    older.does(() -> older.context.lock(first));
    younger.does(() -> younger.context.lock(second));
    older.waitsFor(second);
    younger.does(
        () ->
            assertThatExceptionOfType(DeadlockException.class)
                .isThrownBy(() -> younger.context.lock(first)));
    younger.does(younger.context::backOff);
    older.does(() -> assertThat(older.context.held()).containsExactly(first, second));
  }

  @Test
  void waitDie_waiterIsToldWhenAnOlderOneJoins() throws Exception {
    Reservation wanted = new Reservation();
    Reservation ofOlder = new Reservation();
    Reservation ofYounger = new Reservation();
    Actor older = new Actor(wanted.reservationClass());
    Actor younger = new Actor(wanted.reservationClass());
    older.does(() -> older.context.lock(ofOlder));
    younger.does(() -> younger.context.lock(ofYounger));
    wanted.lock(); // without a context: both may wait
    younger.waitsInVainFor(wanted);
    older.waitsFor(wanted);
    younger.does(younger.context::backOff);
    wanted.unlock();
    older.does(() -> assertThat(older.context.held()).containsExactly(ofOlder, wanted));
  }

  @Test
  void waitDie_behindAnOlderWaiter_backsOffAtOnce() throws Exception {
    Reservation wanted = new Reservation();
    Reservation ofYounger = new Reservation();
    Actor older = new Actor(wanted.reservationClass());
    Actor younger = new Actor(wanted.reservationClass());
    younger.does(() -> younger.context.lock(ofYounger));
    wanted.lock();
    older.waitsFor(wanted); // holds nothing, but would be the holder that the younger meets
    younger.does(
        () ->
            assertThatExceptionOfType(DeadlockException.class)
                .isThrownBy(() -> younger.context.lock(wanted)));
    wanted.unlock();
  }

  // ---- wound-wait ----

  @Test
  void woundWait_youngerWaitsForOlder() throws Exception {
    Reservation first = new Reservation(WOUND_WAIT);
    Reservation second = new Reservation(WOUND_WAIT);
    Actor older = new Actor(WOUND_WAIT);
    Actor younger = new Actor(WOUND_WAIT);
    older.does(() -> older.context.lock(first));
    younger.does(() -> younger.context.lock(second));
    younger.waitsFor(first);
    older.does(() -> older.context.unlock(first));
    younger.does(() -> assertThat(younger.context.held()).containsExactly(second, first));
  }

  @Test
  void woundWait_holderThatWaitsElsewhere_isWokenToBackOff() throws Exception {
    Reservation contended = new Reservation(WOUND_WAIT);
    Reservation elsewhere = new Reservation(WOUND_WAIT);
    Reservation ofOlder = new Reservation(WOUND_WAIT);
    Actor older = new Actor(WOUND_WAIT);
    Actor younger = new Actor(WOUND_WAIT);
    elsewhere.lock();
    younger.does(() -> younger.context.lock(contended));
    younger.waitsInVainFor(elsewhere);
    older.does(() -> older.context.lock(ofOlder));
    older.waitsFor(contended);
    younger.does(younger.context::backOff);
    older.does(() -> assertThat(older.context.held()).containsExactly(ofOlder, contended));
    elsewhere.unlock();
    younger.does(younger.context::lockSlow);
    younger.does(() -> assertThat(younger.context.held()).containsExactly(elsewhere));
  }

  @Test
  void woundWait_holderThatDoesNotHaveToWait_goesOn() throws Exception {
    Reservation contended = new Reservation(WOUND_WAIT);
    Reservation free = new Reservation(WOUND_WAIT);
    Reservation busy = new Reservation(WOUND_WAIT);
    Reservation ofOlder = new Reservation(WOUND_WAIT);
    Actor older = new Actor(WOUND_WAIT);
    Actor younger = new Actor(WOUND_WAIT);
    younger.does(() -> younger.context.lock(contended));
    older.does(() -> older.context.lock(ofOlder));
    older.waitsFor(contended);
    assertThat(younger.context.wounded).isTrue();
    younger.does(() -> assertThat(younger.context.lock(free)).isTrue());
    busy.lock();
    younger.does(
        () ->
            assertThatExceptionOfType(DeadlockException.class)
                .as("at the next lock that it would wait for")
                .isThrownBy(() -> younger.context.lock(busy)));
    younger.does(younger.context::backOff);
    busy.unlock();
    younger.does(younger.context::lockSlow);
    assertThat(younger.context.wounded).as("healed with its last lock").isFalse();
    older.does(() -> assertThat(older.context.held()).containsExactly(ofOlder, contended));
  }

  @Test
  void queue_isGoneWhenEverybodyHasLeft() throws Exception {
    Reservation lock = new Reservation();
    lock.lock();
    Threads.Started waiter =
        Threads.platform(
            () ->
                assertThatExceptionOfType(InterruptedException.class)
                    .isThrownBy(lock::lockInterruptibly));
    untilQueued(waiter.thread(), lock);
    waiter.thread().interrupt();
    waiter.join();
    assertThat(lock.mutex.tryUnlock(Thread.currentThread())).as("no longer marked").isTrue();
    assertThat(lock.mutex.tryLock(Thread.currentThread())).isTrue();
    lock.unlock();
    assertThat(lock.tryLock(Duration.ofSeconds(1))).isTrue();
    lock.unlock();
  }

  @Test
  void lockOfAThreadThatRunsOutOfStack_isNotHandedToItForEver() throws Exception {
    WwMutex mutex = new WwMutex();
    AtomicBoolean stop = new AtomicBoolean();
    Threads.Started holder =
        Threads.platform(
            () -> {
              while (!stop.get()) {
                lock(mutex);
                Thread.yield();
                mutex.unlock(Thread.currentThread());
              }
            });
    try {
      for (int i = 0; i < 20; i++) {
        deepen(mutex, Long.MAX_VALUE);
      }
    } finally {
      stop.set(true);
      holder.join();
    }
    Threads.until(() -> mutex.tryLock(Thread.currentThread()));
    mutex.unlock(Thread.currentThread());
  }

  /** Takes the lock, contended, at the very end of the stack. */
  private static void deepen(WwMutex mutex, long deeper) {
    try {
      if (deeper > 0) {
        deepen(mutex, deeper - 1);
      }
    } catch (StackOverflowError atTheEnd) {
      if (!mutex.isHeldBy(Thread.currentThread())) { // else the end came while it was given back
        lock(mutex);
      }
      mutex.unlock(Thread.currentThread());
    }
  }

  private static void lock(WwMutex mutex) {
    Thread current = Thread.currentThread();
    if (!mutex.tryLock(current)) {
      WwMutex.Outcome _ = mutex.lock(current, false, WwMutex.FOREVER);
    }
  }
}
