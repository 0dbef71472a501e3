package io.github.dmabuf4j;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** What is made of several fences: arrays, contexts that end, and points of a timeline. */
public class ContainerStress {
  private ContainerStress() {}

  private static Fence pending() {
    return Fence.single(FenceOrigin.CPU_ACCESS);
  }

  /** Two pending fences, an array of them, and a count of what ran. */
  public static class TwoParts {
    final Fence one = pending();
    final Fence two = pending();
    final FenceArray array = FenceArray.all(List.of(one, two));
    final AtomicInteger runs = new AtomicInteger();
    final Fence.Callback callback = signaled -> runs.incrementAndGet();
  }

  /** An array begins to listen while its parts signal. */
  @JCStressTest
  @Outcome(id = "1, 1, 1", expect = ACCEPTABLE, desc = "added, then both signaled: it ran")
  @Outcome(id = "0, 0, 1", expect = ACCEPTABLE, desc = "both signaled first: refused")
  @Outcome(expect = FORBIDDEN, desc = "lost, run in spite of the refusal, or never signaled")
  @State
  public static class SignalPartsAndAdd extends TwoParts {
    @Actor
    public void signal() {
      one.signal(null);
      two.signal(null);
    }

    @Actor
    public void add(III_Result r) {
      r.r1 = array.addCallback(callback) ? 1 : 0;
    }

    @Arbiter
    public void ran(III_Result r) {
      r.r2 = runs.get();
      r.r3 = array.isSignaled() ? 1 : 0;
    }
  }

  /** An array is looked at while its last part signals. */
  @JCStressTest
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "looked first")
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "signaled first")
  @Outcome(expect = FORBIDDEN, desc = "never signaled")
  @State
  public static class SignalPartAndLook extends TwoParts {
    public SignalPartAndLook() {
      one.signal(null);
    }

    @Actor
    public void signal() {
      two.signal(null);
    }

    @Actor
    public void look(II_Result r) {
      r.r1 = array.isSignaled() ? 1 : 0;
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = array.isSignaled() ? 1 : 0;
    }
  }

  /** The last one who watches an array goes while another one comes. */
  @JCStressTest
  @Outcome(id = "1, 1, 1", expect = ACCEPTABLE, desc = "one left, one told")
  @Outcome(expect = FORBIDDEN, desc = "the one who stayed was not told")
  @State
  public static class ArrayRemoveAndAdd extends TwoParts {
    private final Fence.Callback leaving = signaled -> {};

    public ArrayRemoveAndAdd() {
      var _ = array.addCallback(leaving);
    }

    @Actor
    public void leave(III_Result r) {
      r.r1 = array.removeCallback(leaving) ? 1 : 0;
    }

    @Actor
    public void come(III_Result r) {
      r.r2 = array.addCallback(callback) ? 1 : 0;
    }

    @Arbiter
    public void after(III_Result r) {
      one.signal(null);
      two.signal(null);
      r.r3 = runs.get();
    }
  }

  /** All who watch an array go: it must not listen to its parts any more. */
  @JCStressTest
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "nothing left on the part")
  @Outcome(expect = FORBIDDEN, desc = "a callback nobody waits for")
  @State
  public static class ArrayComeAndGo extends TwoParts {
    private final Fence.Callback other = signaled -> {};

    @Actor
    public void first() {
      var _ = array.addCallback(callback);
      var _ = array.removeCallback(callback);
    }

    @Actor
    public void second() {
      var _ = array.addCallback(other);
      var _ = array.removeCallback(other);
    }

    @Arbiter
    public void after(I_Result r) {
      r.r1 = one.isWatched() ? 1 : 0;
    }
  }

  /** A fence is signaled while its context is closed: it ends once, either way. */
  @JCStressTest
  @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "signaled by its producer")
  @Outcome(id = "0, 1, 1", expect = ACCEPTABLE, desc = "failed by the close")
  @Outcome(expect = FORBIDDEN, desc = "both, neither, or told more than once")
  @State
  public static class CloseAndSignal {
    private final FenceContext context = FenceContext.create("stress");
    private final Fence fence = context.newFence();
    private final AtomicInteger runs = new AtomicInteger();

    public CloseAndSignal() {
      var _ = fence.addCallback(signaled -> runs.incrementAndGet());
    }

    @Actor
    public void signal(III_Result r) {
      r.r1 = context.signal(fence) ? 1 : 0;
    }

    @Actor
    public void close() {
      context.close();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = fence.error().isPresent() ? 1 : 0;
      r.r3 = runs.get();
    }
  }

  /** Points submitted at the same time: none is lost, whichever comes first. */
  @JCStressTest
  @Outcome(id = "0, 0, 1", expect = ACCEPTABLE, desc = "both have to signal")
  @Outcome(expect = FORBIDDEN, desc = "a submission was lost")
  @State
  public static class SubmitAndSubmit {
    private final SyncObject timeline = SyncObject.create("stress");
    private final Fence one = pending();
    private final Fence two = pending();

    @Actor
    public void first() {
      timeline.at(1).submit(one);
    }

    @Actor
    public void second() {
      timeline.at(2).submit(two);
    }

    @Arbiter
    public void after(III_Result r) {
      r.r1 = reached();
      two.signal(null);
      r.r2 = reached();
      one.signal(null);
      r.r3 = reached();
    }

    private int reached() {
      return timeline.at(2).awaitUninterruptibly(SyncPoint.WaitFor.SIGNALED, Duration.ZERO) ? 1 : 0;
    }
  }

  /** Whoever waits for a submission is woken by it, or by the end of the timeline. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "told of the submission, or saw it")
  @Outcome(id = "-1, 0", expect = ACCEPTABLE, desc = "the timeline was closed before")
  @Outcome(expect = FORBIDDEN, desc = "left waiting")
  @State
  public static class SubmitAndAwait {
    private final SyncObject timeline = SyncObject.create("stress");

    @Actor
    public void submit() {
      try {
        timeline.at(1).signal();
      } finally {
        timeline.close();
      }
    }

    @Actor
    public void await(II_Result r) {
      try {
        boolean came =
            timeline.at(1).awaitUninterruptibly(SyncPoint.WaitFor.SUBMIT, Duration.ofSeconds(10));
        r.r1 = came ? 1 : 0;
      } catch (FenceAbandonedException | IllegalStateException closed) {
        r.r1 = -1;
      }
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = timeline.waiting();
    }
  }
}
