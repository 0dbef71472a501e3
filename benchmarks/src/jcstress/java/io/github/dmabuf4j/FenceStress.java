package io.github.dmabuf4j;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** Signaling a {@link Fence} against everything that may happen to it at the same time. */
public class FenceStress {
  private FenceStress() {}

  /** A fence and a count of what ran. */
  public static class Pending {
    final Fence fence = Fence.single(FenceOrigin.CPU_ACCESS);
    final AtomicInteger runs = new AtomicInteger();
    final Fence.Callback callback = signaled -> runs.incrementAndGet();
    int plain;
  }

  /** A callback runs exactly once, or its adder is told that it won't. */
  @JCStressTest
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "added, then signaled: it ran")
  @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "signaled first: refused, it never ran")
  @Outcome(expect = FORBIDDEN, desc = "lost, or run in spite of the refusal")
  @State
  public static class SignalAndAdd extends Pending {
    @Actor
    public void signal() {
      fence.signal(null);
    }

    @Actor
    public void add(II_Result r) {
      r.r1 = fence.addCallback(callback) ? 1 : 0;
    }

    @Arbiter
    public void ran(II_Result r) {
      r.r2 = runs.get();
    }
  }

  /** Two adders, one of which signals then. */
  @JCStressTest
  @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "the other one was late: refused")
  @Outcome(id = "1, 1, 2", expect = ACCEPTABLE, desc = "both accepted and run")
  @Outcome(expect = FORBIDDEN, desc = "not exactly the accepted ones")
  @State
  public static class SignalAndTwoAdds extends Pending {
    @Actor
    public void first(III_Result r) {
      r.r1 = fence.addCallback(callback) ? 1 : 0;
      fence.signal(null);
    }

    @Actor
    public void second(III_Result r) {
      r.r2 = fence.addCallback(callback) ? 1 : 0;
    }

    @Arbiter
    public void ran(III_Result r) {
      r.r3 = runs.get();
    }
  }

  /** A callback is either removed or run. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "removed: it did not run")
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "signaled first: it ran")
  @Outcome(expect = FORBIDDEN, desc = "both or neither")
  @State
  public static class SignalAndRemove extends Pending {
    public SignalAndRemove() {
      fence.addCallback(signaled -> {});
      fence.addCallback(callback);
      fence.addCallback(signaled -> {});
    }

    @Actor
    public void signal() {
      fence.signal(null);
    }

    @Actor
    public void remove(II_Result r) {
      r.r1 = fence.removeCallback(callback) ? 1 : 0;
    }

    @Arbiter
    public void ran(II_Result r) {
      r.r2 = runs.get();
    }
  }

  /** Callbacks, two of which are going to be removed. */
  public static class WithOthers extends Pending {
    final Fence.Callback one = signaled -> {};
    final Fence.Callback two = signaled -> {};

    WithOthers() {
      fence.addCallback(callback);
      fence.addCallback(one);
      fence.addCallback(callback);
      fence.addCallback(two);
      fence.addCallback(callback);
    }
  }

  /**
   * Removals unlink nodes while the signaler walks the same stack: no other callback may be lost.
   */
  @JCStressTest
  @Outcome(id = "3", expect = ACCEPTABLE, desc = "all that were not removed ran once")
  @Outcome(expect = FORBIDDEN, desc = "lost or run twice")
  @State
  public static class SignalAndTwoRemovals extends WithOthers {
    @Actor
    public void signal() {
      fence.signal(null);
    }

    @Actor
    public void remove() {
      var _ = fence.removeCallback(one);
      var _ = fence.removeCallback(two);
    }

    @Arbiter
    public void ran(I_Result r) {
      r.r1 = runs.get();
    }
  }

  /** Removals unlink nodes beside each other. */
  @JCStressTest
  @Outcome(id = "1, 1, 3", expect = ACCEPTABLE, desc = "both removed, the others ran once")
  @Outcome(expect = FORBIDDEN, desc = "not removed, lost or run twice")
  @State
  public static class RemoveAndRemove extends WithOthers {
    @Actor
    public void first(III_Result r) {
      r.r1 = fence.removeCallback(one) ? 1 : 0;
    }

    @Actor
    public void second(III_Result r) {
      r.r2 = fence.removeCallback(two) ? 1 : 0;
    }

    @Arbiter
    public void ran(III_Result r) {
      fence.signal(null);
      r.r3 = runs.get();
    }
  }

  /** What was written before a signal is seen by whoever finds the fence signaled. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "pending")
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "pending, the write seen already")
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "signaled: the write is there")
  @Outcome(id = "1, 0", expect = FORBIDDEN, desc = "signaled without the write")
  @State
  public static class SignalPublishes extends Pending {
    @Actor
    public void signal() {
      plain = 1;
      fence.signal(null);
    }

    @Actor
    public void look(II_Result r) {
      r.r1 = fence.isSignaled() ? 1 : 0;
      r.r2 = plain;
    }
  }

  /** A context that is closed leaves nothing pending, whatever is being made meanwhile. */
  @JCStressTest
  @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "made first, then failed by the close")
  @Outcome(id = "1, -1, 0", expect = ACCEPTABLE, desc = "refused")
  @Outcome(expect = FORBIDDEN, desc = "a fence is pending for ever")
  @State
  public static class NewFenceAndClose {
    private final FenceContext context = FenceContext.create("stress");
    private final Fence earlier = context.newFence();
    private @Nullable Fence made;

    @Actor
    public void make() {
      try {
        made = context.newFence();
      } catch (IllegalStateException closed) {
        made = null;
      }
    }

    @Actor
    public void close() {
      context.close();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r1 = earlier.isSignaled() ? 1 : 0;
      Fence fence = made;
      r.r2 = fence == null ? -1 : fence.isSignaled() ? 1 : 0;
      r.r3 = context.pending();
    }
  }

  /** Whoever advances a timeline, all that is reached signals, in order. */
  @JCStressTest
  @Outcome(id = "2, 1", expect = ACCEPTABLE, desc = "both signaled, in order")
  @Outcome(expect = FORBIDDEN, desc = "left behind, or out of order")
  @State
  public static class AdvanceAndAdvance {
    private final Timeline timeline = Timeline.create("stress");
    private final AtomicInteger signaled = new AtomicInteger();
    private final AtomicInteger firstAt = new AtomicInteger();

    public AdvanceAndAdvance() {
      boolean unused =
          timeline.fenceAt(1).addCallback(fence -> firstAt.set(signaled.incrementAndGet()));
      var _ = timeline.fenceAt(2).addCallback(fence -> signaled.incrementAndGet());
    }

    @Actor
    public void one() {
      timeline.advance(1);
    }

    @Actor
    public void two() {
      timeline.advance(2);
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = signaled.get();
      r.r2 = firstAt.get();
    }
  }

  /** A fence asked for while its value is being reached isn't left behind. */
  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "signaled in the end")
  @Outcome(expect = FORBIDDEN, desc = "left behind")
  @State
  public static class FenceAtAndAdvance {
    private final Timeline timeline = Timeline.create("stress");
    private Fence fence = Fence.stub();

    @Actor
    public void ask() {
      fence = timeline.fenceAt(1);
    }

    @Actor
    public void advance() {
      timeline.advance(1);
    }

    @Arbiter
    public void after(I_Result r) {
      r.r1 = fence.isSignaled() ? 1 : 0;
    }
  }
}
