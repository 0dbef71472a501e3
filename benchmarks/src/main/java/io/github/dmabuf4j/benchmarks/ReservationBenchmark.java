package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AcquireContext;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Measure;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.StampedLock;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * What locking reservations costs, against the locks of the JDK: one lock, sets of locks in random
 * orders, two threads that fight for them, and the fence that all this is for.
 *
 * <p>A set is locked, work is done where two threads fight for it, and it is unlocked in reverse
 * order. A set of ReentrantLocks in the order that came ({@code reentrantLock}) would deadlock with
 * two threads, and is here to compare costs with; {@code sortedReentrantLocks} sorts the locks by a
 * number first, as a program does that has to take sets of them.
 *
 * <pre>java -jar benchmarks/target/benchmarks.jar Reservation -prof gc</pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class ReservationBenchmark {
  private static final int ORDERS = 64;
  private static final int WORK = 20;

  // ---- one lock ----

  /** One lock that nobody else wants. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class One {
    /** Whose lock. */
    @Param({"dmabuf4j", "reentrantLock", "stampedLock"})
    public String strategy;

    private OneLock lock;

    /** Makes the lock. */
    @Setup
    public void setUp() {
      lock =
          switch (strategy) {
            case "dmabuf4j" -> new Ours();
            case "reentrantLock" -> new Reentrant();
            case "stampedLock" -> new Stamped();
            default -> throw new IllegalArgumentException(strategy);
          };
    }
  }

  /** A lock and what it guards. */
  private abstract static class OneLock {
    int guarded;

    abstract int lockAndUnlock();
  }

  private static final class Ours extends OneLock {
    private final Reservation lock = new Reservation();

    @Override
    int lockAndUnlock() {
      lock.lock();
      try {
        return ++guarded;
      } finally {
        lock.unlock();
      }
    }
  }

  private static final class Reentrant extends OneLock {
    private final ReentrantLock lock = new ReentrantLock();

    @Override
    int lockAndUnlock() {
      lock.lock();
      try {
        return ++guarded;
      } finally {
        lock.unlock();
      }
    }
  }

  private static final class Stamped extends OneLock {
    private final StampedLock lock = new StampedLock();

    @Override
    int lockAndUnlock() {
      long stamp = lock.writeLock();
      try {
        return ++guarded;
      } finally {
        lock.unlockWrite(stamp);
      }
    }
  }

  /** Lock, change something, unlock. */
  @Benchmark
  @Bar(
      row = "reservation lock + unlock, uncontended",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=reentrantLock"),
      atMost = 1.5,
      stretch = 1)
  public int pair(One one) {
    return one.lock.lockAndUnlock();
  }

  // ---- sets ----

  /** Sets of locks, in random orders that are made before. */
  @State(Scope.Benchmark)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class Sets {
    /** Whose locks. */
    @Param({"dmabuf4j", "reentrantLock", "sortedReentrantLocks"})
    public String strategy;

    /** How many of 16 locks a set has. */
    @Param({"8", "16"})
    public int count;

    private LockSets sets;

    /** Makes the locks and the orders. */
    @Setup
    public void setUp() {
      sets =
          switch (strategy) {
            case "dmabuf4j" -> new OurSets(count);
            case "reentrantLock" -> new ReentrantSets(count, false);
            case "sortedReentrantLocks" -> new ReentrantSets(count, true);
            default -> throw new IllegalArgumentException(strategy);
          };
    }
  }

  /** Sets for two threads: only what can't deadlock. */
  @State(Scope.Benchmark)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class SharedSets {
    /** Whose locks. */
    @Param({"dmabuf4j", "sortedReentrantLocks"})
    public String strategy;

    /** How many of 16 locks a set has. */
    @Param({"8", "16"})
    public int count;

    private LockSets sets;

    /** Makes the locks and the orders. */
    @Setup
    public void setUp() {
      sets =
          switch (strategy) {
            case "dmabuf4j" -> new OurSets(count);
            case "sortedReentrantLocks" -> new ReentrantSets(count, true);
            default -> throw new IllegalArgumentException(strategy);
          };
    }
  }

  /** Which order comes next, per thread. */
  @State(Scope.Thread)
  public static class Turn {
    private int next = new Random().nextInt(ORDERS);

    int next() {
      next = (next + 1) % ORDERS;
      return next;
    }
  }

  private interface LockSets {
    void lockAndUnlock(int order, int work) throws InterruptedException;
  }

  private static List<int[]> orders(int count) {
    Random random = new Random(42);
    List<int[]> orders = new ArrayList<>();
    for (int i = 0; i < ORDERS; i++) {
      List<Integer> all = new ArrayList<>();
      for (int lock = 0; lock < 16; lock++) {
        all.add(lock);
      }
      Collections.shuffle(all, random);
      orders.add(all.stream().limit(count).mapToInt(lock -> lock).toArray());
    }
    return orders;
  }

  private static final class OurSets implements LockSets {
    private final Reservation[][] orders = new Reservation[ORDERS][];

    OurSets(int count) {
      Reservation[] locks = new Reservation[16];
      for (int i = 0; i < locks.length; i++) {
        locks[i] = new Reservation();
      }
      List<int[]> numbers = orders(count);
      for (int i = 0; i < ORDERS; i++) {
        orders[i] = new Reservation[count];
        for (int j = 0; j < count; j++) {
          orders[i][j] = locks[numbers.get(i)[j]];
        }
      }
    }

    @Override
    public void lockAndUnlock(int order, int work) throws InterruptedException {
      try (AcquireContext context = AcquireContext.lockAll(orders[order])) {
        if (work > 0) {
          Blackhole.consumeCPU(work);
        }
      }
    }
  }

  private static final class Numbered extends ReentrantLock {
    private static final long serialVersionUID = 1L;
    final int number;

    Numbered(int number) {
      this.number = number;
    }
  }

  private static final class ReentrantSets implements LockSets {
    private final Numbered[][] orders = new Numbered[ORDERS][];
    private final boolean sorted;

    ReentrantSets(int count, boolean sorted) {
      this.sorted = sorted;
      Numbered[] locks = new Numbered[16];
      for (int i = 0; i < locks.length; i++) {
        locks[i] = new Numbered(i);
      }
      List<int[]> numbers = orders(count);
      for (int i = 0; i < ORDERS; i++) {
        orders[i] = new Numbered[count];
        for (int j = 0; j < count; j++) {
          orders[i][j] = locks[numbers.get(i)[j]];
        }
      }
    }

    @Override
    public void lockAndUnlock(int order, int work) {
      Numbered[] set = sorted ? sorted(orders[order]) : orders[order];
      int locked = 0;
      try {
        while (locked < set.length) {
          set[locked].lock();
          locked++;
        }
        if (work > 0) {
          Blackhole.consumeCPU(work);
        }
      } finally {
        while (locked > 0) {
          set[--locked].unlock();
        }
      }
    }

    /** By insertion: what is quickest for so few. */
    private static Numbered[] sorted(Numbered[] set) {
      Numbered[] sorted = set.clone();
      for (int i = 1; i < sorted.length; i++) {
        Numbered inserted = sorted[i];
        int j = i - 1;
        while (j >= 0 && sorted[j].number > inserted.number) {
          sorted[j + 1] = sorted[j];
          j--;
        }
        sorted[j + 1] = inserted;
      }
      return sorted;
    }
  }

  /** One thread locks sets that nobody else wants. */
  @Benchmark
  @Bar(
      row = "lockAll of 8 in a context, against 8 ReentrantLocks",
      of = {"strategy=dmabuf4j", "count=8"},
      peers = @Peer(with = "strategy=reentrantLock"),
      atMost = 2,
      stretch = 1.2)
  public void set(Sets sets, Turn turn) throws InterruptedException {
    sets.sets.lockAndUnlock(turn.next(), 0);
  }

  /** Two threads fight for sets of the same 16 locks. */
  @Benchmark
  @Threads(2)
  public void setByTwo(SharedSets sets, Turn turn) throws InterruptedException {
    sets.sets.lockAndUnlock(turn.next(), WORK);
  }

  // ---- fences ----

  /** A reservation whose users' fences take the place of what they added last. */
  @State(Scope.Thread)
  public static class Slots {
    final Reservation reservation = new Reservation();
    private final List<FenceContext> users = new ArrayList<>();
    private Fence[] fences = {};
    private int next;

    /** How many take turns. */
    @Param({"1", "4"})
    public int count;

    /** A user's fence stays pending, and counts as later than itself (rule CR8). */
    @Setup
    public void setUp() {
      fences = new Fence[count];
      for (int i = 0; i < count; i++) {
        FenceContext user = FenceContext.create("user " + i);
        users.add(user);
        fences[i] = user.newFence();
      }
    }

    /** Signals what is pending. */
    @TearDown
    public void tearDown() {
      users.forEach(FenceContext::close);
    }

    final void add() {
      next = next + 1 < fences.length ? next + 1 : 0;
      reservation.reserve(1);
      reservation.add(fences[next], FenceUsage.READ);
    }
  }

  /** The same, locked by the benchmark's thread. */
  @State(Scope.Thread)
  public static class HeldSlots extends Slots {
    /** Locks. */
    @Setup(Level.Iteration)
    public void lock() {
      reservation.lock();
    }

    /** Unlocks. */
    @TearDown(Level.Iteration)
    public void unlock() {
      reservation.unlock();
    }
  }

  /** Make room for a fence and add it, under the lock: to be compared with {@code pair}. */
  @Benchmark
  @Bar(
      row = "add a fence to a reservation, against a lock pair",
      peers = @Peer(method = "pair", with = "strategy=reentrantLock"),
      atMost = 1.5,
      stretch = 1)
  @Bar(row = "Java heap to add a fence to a reservation", measure = Measure.JAVA_HEAP, atMost = 0.5)
  public void addFence(HeldSlots slots) {
    slots.add();
  }

  /** Lock, make room for a fence, add it, unlock. */
  @Benchmark
  public void lockAndAddFence(Slots slots) {
    slots.reservation.lock();
    try {
      slots.add();
    } finally {
      slots.reservation.unlock();
    }
  }
}
