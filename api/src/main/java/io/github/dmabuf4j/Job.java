package io.github.dmabuf4j;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * The way to use several buffers at once, on one thread or many, on the CPU or a device (design
 * rule JB1). A job goes through four steps, and the first two are one call:
 *
 * <ol>
 *   <li><i>prepare</i>: all reservations are locked, evicted content comes back, holds are taken,
 *       slots for fences are reserved, and what has to be waited for is collected;
 *   <li><i>publish</i>: the job's {@linkplain #fence() fence} is added to every buffer, as a
 *       reader's or a writer's, and the reservations are unlocked. From here on others wait for
 *       this job, and it will end: it takes no reservation and allocates nothing that may reclaim
 *       (design rule FN4);
 *   <li><i>run</i>: once the {@linkplain #dependencies() dependencies} have signaled, the bytes are
 *       touched, with the holds already taken;
 *   <li><i>signal</i>, or fail; the holds are dropped.
 * </ol>
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="job"}
 *
 * <p><b>Producer and consumer.</b> The job is the producer of its fence; everybody else waits on
 * it. A job that is closed without a signal, or becomes unreachable, fails its fence with {@link
 * FenceAbandonedException} and drops its holds.
 *
 * <p><b>Order.</b> A job's fence is the only one of its context, and may signal before those of
 * jobs published earlier that it doesn't depend on. Jobs of a queue share a context, see {@link
 * Builder#inOrderOf}.
 *
 * <p><b>Segments.</b> {@link #open} gives the calling thread access, in a confined arena: each tile
 * of a picture opens its own, which costs some 14 ns; nothing is shared that would have to be
 * closed by a handshake of all threads.
 *
 * <p><b>Threads.</b> A published job may be used from any thread. The steps of one job are ordered
 * by whoever hands it on.
 *
 * <p>Source: the submit path of a drm driver, Documentation/gpu/drm-vm-bind-locking.rst; design
 * rules JB1 to JB3, FN4.
 */
public final class Job implements AutoCloseable {
  private final JobUses uses;
  private final JobFence fence;
  private final List<Fence> dependencies;

  /** Kept reachable: a context that is lost takes its jobs with it. */
  private final @Nullable FenceContext context;

  private final Cleaner.Cleanable cleanable;

  private Job(
      JobUses uses, JobFence fence, List<Fence> dependencies, @Nullable FenceContext context) {
    this.uses = uses;
    this.fence = fence;
    this.dependencies =
        dependencies.isEmpty() ? List.of() : Collections.unmodifiableList(dependencies);
    this.context = context;
    this.cleanable = FenceContext.CLEANER.register(this, fence::jobLost);
  }

  /**
   * Starts a job.
   *
   * @param name what it does, in reports
   * @return a builder without buffers
   */
  public static Builder named(String name) {
    return new Builder(name);
  }

  /** What a job uses. Makes one job. Not for several threads at once. */
  public static final class Builder {
    private final String name;
    private final JobUses uses = new JobUses();
    private final List<Fence> dependencies = new ArrayList<>(0);
    private @Nullable FenceContext context;
    private boolean published;

    private Builder(String name) {
      this.name = Objects.requireNonNull(name, "name");
    }

    /**
     * The job reads a buffer. A buffer that is both read and written is given to {@link #writes}
     * alone.
     *
     * @param buffer what to read; the handle may be closed once the job is published
     * @return this builder
     */
    public Builder reads(DmaBuf buffer) {
      return uses(buffer, Access.READ);
    }

    /**
     * The job writes a buffer, and may read it.
     *
     * @param buffer what to write; the handle may be closed once the job is published
     * @return this builder
     */
    public Builder writes(DmaBuf buffer) {
      return uses(buffer, Access.READ_WRITE);
    }

    private Builder uses(DmaBuf buffer, Access access) {
      checkNotPublished();
      uses.add(Objects.requireNonNull(buffer, "buffer"), access);
      return this;
    }

    /**
     * The job waits for a fence beside those of its buffers.
     *
     * @param fence what to wait for
     * @return this builder
     */
    public Builder after(Fence fence) {
      checkNotPublished();
      dependencies.add(Objects.requireNonNull(fence, "fence"));
      return this;
    }

    /**
     * The job's fence is of a context of the caller's, whose fences signal in the order in which
     * they were made (rule CF1). A job that ends before those published earlier in the context
     * keeps its buffers until its turn comes.
     *
     * @param context the context
     * @return this builder
     */
    public Builder inOrderOf(FenceContext context) {
      this.context = Objects.requireNonNull(context, "context");
      return this;
    }

    /**
     * Prepares and publishes the job: may wait for reservations, doesn't wait for fences.
     *
     * @return the published job
     * @throws InterruptedException if the thread is interrupted while waiting for a reservation;
     *     nothing is published
     * @throws BufferPurgedException if the content of a buffer is gone
     * @throws IllegalStateException if a handle is closed, or read-only and written, or the thread
     *     holds one of the reservations
     */
    public Job publish() throws InterruptedException {
      retain();
      return publishRetained(Waiting.INTERRUPTIBLY);
    }

    /**
     * Prepares and publishes the job as {@link #publish} does, not interruptibly: an interrupt is
     * kept for later.
     *
     * @return the published job
     * @throws BufferPurgedException if the content of a buffer is gone
     * @throws IllegalStateException as {@link #publish} does
     */
    public Job publishUninterruptibly() {
      retain();
      try {
        return publishRetained(Waiting.UNINTERRUPTIBLY);
      } catch (InterruptedException e) {
        throw BufferClosure.interrupted(e);
      }
    }

    private void retain() {
      checkNotPublished();
      published = true;
      uses.retain();
    }

    private void checkNotPublished() {
      if (published) {
        throw new IllegalStateException(
            "job %s was published: a builder makes one job".formatted(name));
      }
    }

    private Job publishRetained(Waiting waiting) throws InterruptedException {
      Job job;
      Reservation only = uses.onlyReservation();
      try {
        if (only == null) {
          try (var _ = uses.isEmpty() ? null : waiting.lockAll(uses.reservations())) {
            job = publishLocked();
          }
        } else {
          waiting.lock(only);
          try {
            job = publishLocked();
          } finally {
            only.unlock();
          }
        }
      } catch (Throwable e) {
        uses.abandon();
        throw e;
      }
      uses.published();
      return job;
    }

    private Job publishLocked() {
      uses.prepareLocked(dependencies);
      JobFence fence =
          context == null
              ? JobFence.single(name, uses, dependencies)
              : context.newJobFence(name, uses, dependencies);
      Job job = null;
      try {
        job = new Job(uses, fence, dependencies, context);
      } finally {
        if (job == null) {
          fence.jobLost(); // or those behind it in its context would wait for it
        }
      }
      if (fence.isSignaled()) {
        throw new IllegalStateException(
            context + " was closed while " + name + " was being published");
      }
      // Point of no return: nothing below can fail.
      uses.publishLocked(fence);
      return job;
    }

    /**
     * Prepares and publishes the job without blocking the caller, for event loops (design rule
     * JB2). References are taken before this returns: the handles may be closed.
     *
     * @return a stage that completes with the published job, or with what {@link #publish} would
     *     have thrown
     */
    public CompletionStage<Job> publishAsync() {
      try {
        retain();
      } catch (IllegalStateException e) {
        return CompletableFuture.failedStage(e);
      }
      CompletableFuture<Job> future = new CompletableFuture<>();
      try {
        Thread.ofVirtual().name("publish " + name).start(() -> publishTo(future));
      } catch (RuntimeException | Error notStarted) {
        uses.abandon();
        future.completeExceptionally(notStarted);
      }
      return future.minimalCompletionStage();
    }

    private void publishTo(CompletableFuture<Job> future) {
      try {
        future.complete(publishRetained(Waiting.INTERRUPTIBLY));
      } catch (Throwable e) {
        future.completeExceptionally(e);
      }
    }
  }

  // ---- what others wait for ----

  /**
   * What others wait for.
   *
   * @return the fence of this job, in every buffer it uses
   */
  public Fence fence() {
    return fence;
  }

  /**
   * What this job has to wait for before it touches bytes.
   *
   * @return the fences that were pending when it was published, unmodifiable
   */
  public List<Fence> dependencies() {
    return dependencies;
  }

  /**
   * Waits for the dependencies, at most {@link Fences#defaultTimeout()} for all. A dependency that
   * failed is waited for like any other, as in the kernel: whoever cares what it left behind looks
   * at its {@link Fence#error()}. Another deadline: {@link Fences#awaitAll} of {@link
   * #dependencies}.
   *
   * @throws FenceTimeoutException if one didn't signal in time
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  public void awaitDependencies() throws InterruptedException {
    if (!dependencies.isEmpty()) {
      try (var _ = Signalling.begin(fence)) {
        Deadline.after(Fences.defaultTimeout(), this).awaitAll(dependencies);
      }
    }
  }

  /**
   * Waits as {@link #awaitDependencies} does, not interruptibly: an interrupt is kept for later.
   *
   * @throws FenceTimeoutException if one didn't signal in time
   */
  public void awaitDependenciesUninterruptibly() {
    if (!dependencies.isEmpty()) {
      try (var _ = Signalling.begin(fence)) {
        Deadline.after(Fences.defaultTimeout(), this).awaitAllUninterruptibly(dependencies);
      }
    }
  }

  /**
   * The address of the first byte of one of the job's buffers, for native code and devices. The
   * bytes stay where they are until the job ends; coherency for the CPU is the business of {@link
   * #open}.
   *
   * @param buffer a buffer of this job
   * @return the address, valid until the job ends
   * @throws IllegalArgumentException if the buffer isn't one of the job's
   * @throws IllegalStateException if the job has ended
   */
  public long address(DmaBuf buffer) {
    if (fence.isSignaled()) {
      throw new IllegalStateException(this + " has ended: its buffers are no longer its own");
    }
    return uses.of(buffer).bytes().address();
  }

  // ---- run ----

  /**
   * What a job does.
   *
   * @param <X> what it may throw
   */
  @FunctionalInterface
  public interface Body<X extends Exception> {
    /**
     * Touches the bytes.
     *
     * @param access gives the segments, on the calling thread
     * @throws X whatever goes wrong; the job's fence fails with it
     */
    void run(JobAccess access) throws X;
  }

  /**
   * Gives the calling thread access to the bytes. Each thread of a job opens its own. The
   * dependencies must have signaled.
   *
   * @return the access, to be closed on the same thread before the job is signaled
   * @throws IllegalStateException if a dependency is pending, or the job has ended
   */
  public JobAccess open() {
    if (!dependencies.isEmpty()) {
      checkReady();
    }
    JobAccess access = new JobAccess(this, uses); // first: the heap may be full
    try (var _ = Signalling.begin(fence)) {
      uses.enter(this);
    }
    return access;
  }

  private void checkReady() {
    for (Fence dependency : dependencies) {
      if (!dependency.isSignaled()) {
        throw new IllegalStateException(
            "%s has to wait for %s first: call awaitDependencies() or runAsync()"
                .formatted(this, dependency));
      }
    }
  }

  /**
   * Waits for the dependencies, runs a body on this thread, and signals, or fails with what the
   * body threw.
   *
   * @param <X> what the body may throw
   * @param body touches the bytes
   * @throws X what the body threw
   * @throws FenceTimeoutException if a dependency didn't signal in time; the job fails
   * @throws InterruptedException if the thread is interrupted while waiting; the job fails
   * @throws BufferRevokedException if memory was taken away while the body ran
   */
  public <X extends Exception> void run(Body<X> body) throws X, InterruptedException {
    try {
      awaitDependencies();
      runBody(body);
    } catch (Throwable e) {
      failAfter(e);
      throw e;
    }
    signal();
  }

  /**
   * Opens an access and runs a body with it, on this thread, as the signalling section that it is.
   */
  <X extends Exception> void runBody(Body<X> body) throws X {
    try (var _ = Signalling.begin(fence);
        JobAccess access = open()) {
      int mark = Lockdep.mark();
      body.run(access);
      Lockdep.checkNothingLeft(mark, "the body of", this);
    } catch (InternalError e) {
      throw RunAll.unchecked(BufferRevokedException.of("run", this, e));
    }
  }

  /**
   * Fails the job with what its body threw, which is the news even where failing is refused.
   *
   * @return false if it was refused
   */
  boolean failAfter(Throwable error) {
    try {
      fail(error);
      return true;
    } catch (IllegalStateException refused) {
      error.addSuppressed(refused);
      return false;
    }
  }

  /**
   * What one of several threads of a job does.
   *
   * @param <X> what it may throw
   */
  @FunctionalInterface
  public interface PartBody<X extends Exception> {
    /**
     * Touches a part of the bytes, for example a tile of a picture.
     *
     * @param access gives the segments, on the calling thread
     * @param part which part, from 0
     * @throws X whatever goes wrong; the job's fence fails with it
     */
    void run(JobAccess access, int part) throws X;
  }

  /**
   * Runs a body on an executor once the dependencies have signaled, and signals, or fails. No
   * thread waits meanwhile.
   *
   * @param executor where to run
   * @param body touches the bytes
   * @return a stage that completes when the job has ended, with what the body threw if it did
   */
  public CompletionStage<Void> runAsync(Executor executor, Body<? extends Exception> body) {
    return runAsync(executor, 1, (access, part) -> body.run(access));
  }

  /**
   * Runs the parts of a body on an executor once the dependencies have signaled, each with an
   * access of its own; the last part to end signals the job, or fails it with what the first
   * failing part threw. After a failure parts that haven't begun are left out.
   *
   * @param executor where to run
   * @param parts how many, at least 1
   * @param body touches the bytes of a part
   * @return a stage that completes when the job has ended, with the error of its fence if it
   *     failed: what the first failing part threw, or {@link FenceTimeoutException} if the
   *     dependencies didn't signal within the time that {@link #awaitDependencies} allows
   * @throws IllegalArgumentException if the number of parts isn't positive
   */
  public CompletionStage<Void> runAsync(
      Executor executor, int parts, PartBody<? extends Exception> body) {
    if (parts <= 0) {
      throw new IllegalArgumentException("wanted at least 1 part, got " + parts);
    }
    JobParts running = new JobParts(this, parts, body);
    running.startAfter(dependencies, executor);
    return running.ended();
  }

  // ---- end ----

  /**
   * Says that the work is done: what was written becomes visible, the fence signals, the holds are
   * dropped.
   *
   * @return true if the job was pending, false if it had ended already
   * @throws IllegalStateException if an access is still open
   * @throws RuntimeException if an exporter could not make visible what was written; the job has
   *     failed with it
   */
  public boolean signal() {
    return end(null);
  }

  /**
   * Says that the work was given up: the fence fails, the holds are dropped.
   *
   * @param error why
   * @return true if the job was pending, false if it had ended already
   * @throws IllegalStateException if an access is still open
   */
  public boolean fail(Throwable error) {
    return end(Objects.requireNonNull(error, "error"));
  }

  private boolean end(@Nullable Throwable error) {
    try {
      Throwable failure = endAccess();
      boolean pending = fence.decide(error == null ? failure : error);
      cleanable.clean();
      if (pending && error == null && failure != null) {
        RunAll.rethrow(failure); // the caller believes that all went well
      }
      return pending;
    } finally {
      Reference.reachabilityFence(context);
    }
  }

  private @Nullable Throwable endAccess() {
    try (var _ = Signalling.begin(fence)) {
      return uses.endAccess(this);
    }
  }

  /**
   * Fails the fence with {@link FenceAbandonedException} if the job has not ended yet. Closing
   * again does nothing.
   *
   * @throws IllegalStateException if an access is still open
   */
  @Override
  public void close() {
    if (!fence.isDecided()) {
      fail(new FenceAbandonedException("close", this + " was closed before it signaled"));
    }
  }

  @Override
  public String toString() {
    return "job %s (%s)".formatted(fence.jobName(), fence.status());
  }
}
