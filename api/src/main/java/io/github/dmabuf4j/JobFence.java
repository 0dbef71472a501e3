package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The fence of a {@link Job}. It drops what the job holds when it signals, however that comes
 * about: by the job, by its context's end, or because the job was lost. It must not refer to the
 * job, or the loss would never be noticed.
 *
 * <p><b>Invariant.</b> {@code decided} goes from null to an outcome once, by CAS: whoever does it
 * decides how this fence ends, and every way to signal it ends it like that. It ends at once, or,
 * where the fence before it in its context is still pending, on the thread that signals that one;
 * until it has ended or is {@code queued} there, each further attempt to end it tries again. {@code
 * uses} is written before publication, and dropped by the thread that signals: a reservation keeps
 * the fence for longer than that.
 */
final class JobFence extends Fence {
  private static final VarHandle DECIDED;

  static {
    try {
      DECIDED = MethodHandles.lookup().findVarHandle(JobFence.class, "decided", FenceOutcome.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String name;
  private @Nullable JobUses uses;

  /** For reports, until it ends. A stale read only names what has signaled. */
  private List<Fence> waitsFor;

  private volatile @Nullable FenceOutcome decided;
  private volatile boolean queued;

  JobFence(FenceOrigin origin, long seqno, String name, JobUses uses, List<Fence> waitsFor) {
    super(origin, seqno);
    this.waitsFor = waitsFor;
    this.name = name;
    this.uses = uses;
  }

  /** The fence of a job without an order: the only one of its context. */
  static JobFence single(String name, JobUses uses, List<Fence> waitsFor) {
    return new JobFence(FenceOrigin.JOB, 0, name, uses, waitsFor);
  }

  /** What the job has to wait for before it runs; nothing once it has ended. */
  List<Fence> waitsFor() {
    return waitsFor;
  }

  String jobName() {
    return name;
  }

  @Override
  public String timelineName() {
    return origin.isOrdered() ? origin.timelineName : name;
  }

  /**
   * Decides the outcome, and ends this fence with it when its turn has come.
   *
   * @param error why the work was given up, or null for success
   * @return false if it was decided before
   */
  boolean decide(@Nullable Throwable error) {
    boolean first = claim(error);
    deliver();
    return first;
  }

  private boolean claim(@Nullable Throwable error) {
    return !isSignaled() && DECIDED.compareAndSet(this, null, FenceOutcome.of(error, false));
  }

  private void deliver() {
    Fence earlier = queued ? null : previous();
    if (earlier != null && earlier.addCallback(inTurn -> signal(null))) {
      queued = true;
    } else if (!queued) {
      signal(null);
    }
  }

  /** Ends this fence now, as was decided, or, where nothing was, with the error. */
  @Override
  boolean signal(@Nullable Throwable error) {
    claim(error);
    FenceOutcome outcome = decided;
    return super.signal(outcome == null ? error : outcome.error);
  }

  /** Called once nobody can reach the job any more, and when it has ended. */
  void jobLost() {
    if (isSignaled() || queued) {
      return;
    }
    decide(
        decided != null
            ? null // as was decided
            : new FenceAbandonedException(
                "signal", "job %s was lost before it was signaled".formatted(name)));
  }

  /** Whether the outcome is decided, though the fence may have to wait for its turn. */
  boolean isDecided() {
    return decided != null || isSignaled();
  }

  @Override
  void ended() {
    super.ended();
    waitsFor = List.of();
    JobUses held = uses;
    if (held == null) {
      return; // constructed and never published
    }
    uses = null;
    try {
      held.fenceSignaled();
    } catch (Throwable e) { // checked ones too: exporters can throw them past the compiler
      CallbackRun.log("giving back the buffers of a job", this, e);
    }
  }
}
