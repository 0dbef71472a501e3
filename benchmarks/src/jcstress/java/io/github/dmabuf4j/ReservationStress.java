package io.github.dmabuf4j;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** Readers of {@link FenceSlots} beside the one writer that holds the lock. */
public class ReservationStress {
  private ReservationStress() {}

  /** Not by way of a FenceContext: one that is lost fails its fences. */
  private static Fence fence(String usage) {
    return new Fence(FenceOrigin.ordered(FenceContext.builder(usage)), 1);
  }

  /** How many pairs of a snapshot do not belong together. */
  private static int torn(FenceSlots.Snapshot snapshot) {
    int torn = 0;
    for (int i = 0; i < snapshot.size(); i++) {
      if (snapshot.fence(i) == null
          || !snapshot.fence(i).timelineName().equals(snapshot.usage(i).name())) {
        torn++;
      }
    }
    return torn;
  }

  /** A fence that replaces another one, with another usage, in the same slot. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "before or after: one fence with its own usage")
  @Outcome(expect = FORBIDDEN, desc = "torn or missing")
  @State
  public static class AddInPlaceAndSnapshot {
    private final FenceSlots slots = new FenceSlots();
    private final Fence reader = fence("READ");
    private final Fence writer = fence("WRITE");

    public AddInPlaceAndSnapshot() {
      slots.reserve(2);
      slots.add(reader, FenceUsage.READ);
      reader.signal(null);
    }

    @Actor
    public void write() {
      slots.add(writer, FenceUsage.WRITE);
    }

    @Actor
    public void read(II_Result r) {
      FenceSlots.Snapshot snapshot = slots.snapshot();
      r.r1 = snapshot.size();
      r.r2 = torn(snapshot);
    }
  }

  /** The array grows and is pruned while it is read. */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "2, 0", "3, 0", "4, 0", "5, 0"},
      expect = ACCEPTABLE,
      desc = "a state that was")
  @Outcome(expect = FORBIDDEN, desc = "torn, or the lasting fence is missing")
  @State
  public static class GrowAndSnapshot {
    private final FenceSlots slots = new FenceSlots();
    private final Fence lasting = fence("KERNEL");
    private final Fence passing = fence("READ");

    public GrowAndSnapshot() {
      slots.reserve(4);
      slots.add(passing, FenceUsage.READ);
      slots.add(lasting, FenceUsage.KERNEL);
      slots.add(fence("WRITE"), FenceUsage.WRITE);
      slots.add(fence("BOOKKEEP"), FenceUsage.BOOKKEEP);
      passing.signal(null);
    }

    @Actor
    public void write() {
      slots.reserve(2); // prunes, then grows
      slots.add(fence("WRITE"), FenceUsage.WRITE);
      slots.add(fence("READ"), FenceUsage.READ);
    }

    @Actor
    public void read(II_Result r) {
      FenceSlots.Snapshot snapshot = slots.snapshot();
      int found = 0;
      for (int i = 0; i < snapshot.size(); i++) {
        if (snapshot.fence(i) == lasting) {
          found++;
        }
      }
      r.r1 = found == 1 ? snapshot.size() : -1;
      r.r2 = torn(snapshot);
    }
  }

  /** An iteration beside a writer: what it was shown last is one state. */
  @JCStressTest
  @Outcome(
      id = {"1, 0", "2, 0"},
      expect = ACCEPTABLE,
      desc = "a state that was")
  @Outcome(expect = FORBIDDEN, desc = "torn, or the lasting fence is missing")
  @State
  public static class AddAndIterate {
    private final FenceSlots slots = new FenceSlots();
    private final Fence lasting = fence("KERNEL");
    private final Fence writer = fence("WRITE");

    public AddAndIterate() {
      slots.reserve(2);
      slots.add(lasting, FenceUsage.KERNEL);
    }

    @Actor
    public void write() {
      slots.add(writer, FenceUsage.WRITE);
      slots.reserve(8);
    }

    @Actor
    public void read(II_Result r) {
      int[] shown = new int[3];
      slots.forEach(
          FenceUsage.BOOKKEEP,
          new Reservation.FenceVisitor() {
            @Override
            public void restarted() {
              java.util.Arrays.fill(shown, 0);
            }

            @Override
            public void fence(Fence fence, FenceUsage usage) {
              shown[0]++;
              shown[1] += fence == lasting ? 1 : 0;
              shown[2] += fence.timelineName().equals(usage.name()) ? 0 : 1;
            }
          });
      r.r1 = shown[1] == 1 ? shown[0] : -1;
      r.r2 = shown[2];
    }
  }

  /** A replacement beside a reader: the old fence with its usage or the new one with its own. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "before or after")
  @Outcome(expect = FORBIDDEN, desc = "torn or missing")
  @State
  public static class ReplaceAndRead {
    private final FenceSlots slots = new FenceSlots();
    private final Fence reader = fence("READ");
    private final Fence keeper = fence("BOOKKEEP");

    public ReplaceAndRead() {
      slots.reserve(1);
      slots.add(reader, FenceUsage.READ);
    }

    @Actor
    public void write() {
      slots.replace(reader.context(), keeper, FenceUsage.BOOKKEEP);
    }

    @Actor
    public void read(II_Result r) {
      FenceSlots.Snapshot snapshot = slots.snapshot();
      r.r1 = snapshot.size();
      r.r2 = torn(snapshot);
    }
  }

  /** What was written before a fence was added is seen by whoever finds the fence. */
  @JCStressTest
  @Outcome(
      id = {"0, 0", "0, 1", "1, 1"},
      expect = ACCEPTABLE,
      desc = "not found, or found with what came before")
  @Outcome(id = "1, 0", expect = FORBIDDEN, desc = "found without what came before")
  @State
  public static class AddPublishes {
    private final FenceSlots slots = new FenceSlots();
    private final Fence added = fence("WRITE");
    private int plain;

    public AddPublishes() {
      slots.reserve(1);
    }

    @Actor
    public void write() {
      plain = 1;
      slots.add(added, FenceUsage.WRITE);
    }

    @Actor
    public void read(II_Result r) {
      r.r1 = slots.snapshot().size();
      r.r2 = plain;
    }
  }

  /** The lock excludes. */
  @JCStressTest
  @Outcome(
      id = {"1, 2", "2, 1"},
      expect = ACCEPTABLE,
      desc = "one after the other")
  @Outcome(expect = FORBIDDEN, desc = "both at once")
  @State
  public static class LockAndLock {
    private final Reservation reservation = new Reservation();
    private int plain;

    @Actor
    public void first(II_Result r) {
      reservation.lock();
      r.r1 = ++plain;
      reservation.unlock();
    }

    @Actor
    public void second(II_Result r) {
      while (!reservation.tryLock()) {
        Thread.onSpinWait();
      }
      r.r2 = ++plain;
      reservation.unlock();
    }
  }

  /** Whoever doesn't hold the lock is never taken for its holder. */
  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "not held by this thread")
  @Outcome(expect = FORBIDDEN, desc = "taken for the holder")
  @State
  public static class HeldByOther {
    private final Reservation reservation = new Reservation();

    @Actor
    public void holder() {
      reservation.lock();
      reservation.unlock();
    }

    @Actor
    public void other(I_Result r) {
      r.r1 = reservation.isHeldByCurrentThread() ? 1 : 0;
    }
  }
}
