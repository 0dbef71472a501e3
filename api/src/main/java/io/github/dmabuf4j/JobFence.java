package io.github.dmabuf4j;

import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The fence of a {@link Job}. It drops what the job holds when it signals, however that comes
 * about: by the job, by its context's end, or because the job was lost. It must not refer to the
 * job, or the loss would never be noticed.
 *
 * <p><b>Invariant.</b> {@code ended} goes from false to true once, by CAS; whoever does it decides
 * the outcome. The fence signals with it at once, or, where the fence before it in its context is
 * still pending, on the thread that signals that one. {@code uses} is written before publication,
 * and dropped by the thread that signals: a reservation keeps the fence for longer than that.
 */
final class JobFence extends Fence {
  private static final VarHandle ENDED;

  static {
    try {
      ENDED = MethodHandles.lookup().findVarHandle(JobFence.class, "ended", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String name;
  private @Nullable JobUses uses;

  /** For reports, until it ends. A stale read only names what has signaled. */
  private List<Fence> waitsFor;

  private volatile boolean ended;

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

  /** Whether the outcome is decided, though the fence may have to wait for its turn. */
  boolean isOver() {
    return ended || isSignaled();
  }

  /**
   * Decides the outcome.
   *
   * @param error why the work was given up, or null for success
   * @return false if it was decided before
   */
  boolean end(@Nullable Throwable error) {
    if (isSignaled() || !ENDED.compareAndSet(this, false, true)) {
      return false;
    }
    Fence earlier = previous();
    if (earlier != null && earlier.addCallback(inTurn -> signal(error))) {
      return true;
    }
    return signal(error);
  }

  /** Called once nobody can reach the job any more. */
  void jobLost() {
    if (!isOver()) {
      end(
          new FenceAbandonedException(
              "signal", "job %s was lost before it was signaled".formatted(name)));
    }
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
    } catch (RuntimeException | Error e) {
      System.getLogger(Job.class.getName())
          .log(Level.ERROR, "giving back the buffers of job " + name + " failed", e);
    }
  }
}
