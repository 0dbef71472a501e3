package io.github.dmabuf4j;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** The lock of a reservation: hand-off, the rules of waiting, and who leaves the queue. */
public class WwMutexStress {
  private WwMutexStress() {}

  /**
   * A waiter that queues while the lock is given back, and taken again: both get it, one by one.
   */
  @JCStressTest
  @Outcome(
      id = {"1, 2, 0", "2, 1, 0"},
      expect = ACCEPTABLE,
      desc = "one after the other, and free at the end")
  @Outcome(expect = FORBIDDEN, desc = "both at once, or not free")
  @State
  public static class UnlockAndHandOff {
    private final WwMutex mutex = new WwMutex();
    private final Thread holder = new Thread();
    private int plain;

    public UnlockAndHandOff() {
      mutex.tryLock(holder);
    }

    private int turn() {
      Thread self = Thread.currentThread();
      mutex.lock(self, false, WwMutex.FOREVER);
      int mine = ++plain;
      mutex.unlock(self);
      return mine;
    }

    @Actor
    public void first(III_Result r) {
      mutex.unlock(holder);
      r.r1 = turn();
    }

    @Actor
    public void second(III_Result r) {
      r.r2 = turn();
    }

    @Arbiter
    public void end(III_Result r) {
      r.r3 = mutex.claim() == null ? 0 : 1;
    }
  }

  /** An interrupt that meets an unlock: the lock is had or passed on, and never lost. */
  @JCStressTest
  @Outcome(
      id = {"0, 0", "1, 0"},
      expect = ACCEPTABLE,
      desc = "interrupted or locked, and free at the end")
  @Outcome(expect = FORBIDDEN, desc = "left behind")
  @State
  public static class InterruptAndHandOff {
    private final WwMutex mutex = new WwMutex();
    private final Thread holder = new Thread();
    private volatile @Nullable Thread waiter;
    private volatile boolean interrupted;

    public InterruptAndHandOff() {
      mutex.tryLock(holder);
    }

    @Actor
    public void waits(II_Result r) {
      Thread self = Thread.currentThread();
      waiter = self;
      WwMutex.Outcome outcome = mutex.lock(self, true, WwMutex.FOREVER);
      if (outcome == WwMutex.Outcome.ACQUIRED) {
        r.r1 = 1;
        mutex.unlock(self);
      }
      while (!interrupted) {
        Thread.onSpinWait();
      }
      Thread.interrupted(); // nothing of it is left to the harness
    }

    @Actor
    public void unlocks() {
      Thread target = waiter;
      while (target == null) {
        Thread.onSpinWait();
        target = waiter;
      }
      target.interrupt();
      mutex.unlock(holder);
      interrupted = true;
    }

    @Arbiter
    public void end(II_Result r) {
      r.r2 = mutex.claim() == null && mutex.tryLock(holder) && mutex.tryUnlock(holder) ? 0 : 1;
    }
  }

  private static int both(Reservation first, Reservation second, int[] plain) {
    try (AcquireContext context = AcquireContext.begin(first.reservationClass())) {
      while (true) {
        try {
          context.lockUninterruptibly(first);
          context.lockUninterruptibly(second);
          return ++plain[0];
        } catch (DeadlockException contention) {
          context.backOff();
          context.lockSlowUninterruptibly();
        }
      }
    }
  }

  /** Opposite orders in a wound-wait class: the wound meets the lock that it is about. */
  @JCStressTest
  @Outcome(
      id = {"1, 2", "2, 1"},
      expect = ACCEPTABLE,
      desc = "one after the other")
  @Outcome(expect = FORBIDDEN, desc = "both at once")
  @State
  public static class WoundAndLock {
    private static final ReservationClass WOUND_WAIT = ReservationClass.woundWait("stress");
    private final Reservation a = new Reservation(WOUND_WAIT);
    private final Reservation b = new Reservation(WOUND_WAIT);
    private final int[] plain = new int[1];

    @Actor
    public void first(II_Result r) {
      r.r1 = both(a, b, plain);
    }

    @Actor
    public void second(II_Result r) {
      r.r2 = both(b, a, plain);
    }
  }

  /** Opposite orders in a wait-die class. */
  @JCStressTest
  @Outcome(
      id = {"1, 2", "2, 1"},
      expect = ACCEPTABLE,
      desc = "one after the other")
  @Outcome(expect = FORBIDDEN, desc = "both at once")
  @State
  public static class DieAndLock {
    private final Reservation a = new Reservation();
    private final Reservation b = new Reservation();
    private final int[] plain = new int[1];

    @Actor
    public void first(II_Result r) {
      r.r1 = both(a, b, plain);
    }

    @Actor
    public void second(II_Result r) {
      r.r2 = both(b, a, plain);
    }
  }
}
