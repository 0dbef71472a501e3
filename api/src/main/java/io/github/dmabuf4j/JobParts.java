package io.github.dmabuf4j;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a {@link Job} while they run on an executor.
 *
 * <p><b>Invariant.</b> {@code left} counts the parts that have not ended, run, left out or refused
 * by the executor; whoever takes it to 0 ends the job, once, when no access is open any more.
 */
final class JobParts {
  private final Job job;
  private final int parts;
  private final Job.PartBody<? extends Exception> body;
  private final AtomicInteger left;
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private final CompletableFuture<Void> ended = new CompletableFuture<>();

  JobParts(Job job, int parts, Job.PartBody<? extends Exception> body) {
    this.job = job;
    this.parts = parts;
    this.body = body;
    this.left = new AtomicInteger(parts);
    // The fence must not refer to the job: an executor that forgets the parts has lost it, and
    // that is what ends it then.
    job.fence().completeWhenSignaled(ended);
  }

  CompletionStage<Void> ended() {
    return ended.minimalCompletionStage();
  }

  /** Submits the parts on the thread that signals the last dependency, or fails the job. */
  void startAfter(List<Fence> dependencies, Executor executor) {
    List<Fence> pending =
        dependencies.stream().filter(dependency -> !dependency.isSignaled()).toList();
    if (pending.isEmpty()) {
      submit(executor);
      return;
    }
    WaitGraph.waits(job.fence(), pending);
    AtomicInteger waitingFor = new AtomicInteger(pending.size());
    CompletableFuture<Void> ready = new CompletableFuture<>();
    Fence.Callback arrived =
        dependency -> {
          if (waitingFor.decrementAndGet() == 0) {
            ready.complete(null);
          }
        };
    long silence = pending.stream().mapToLong(Fence::silenceNanos).min().orElseThrow();
    long limit = Math.min(silence, Deadline.nanos(Fences.defaultTimeout()));
    CompletableFuture<Void> unused =
        ready.whenComplete(
            (none, late) -> {
              WaitGraph.runs(job.fence());
              if (late == null) {
                submit(executor);
              } else {
                pending.forEach(dependency -> dependency.removeCallback(arrived));
                giveUp(pending, Duration.ofNanos(limit));
              }
            });
    for (Fence dependency : pending) {
      if (!dependency.addCallback(arrived)) {
        arrived.signaled(dependency);
      }
    }
    unused = ready.orTimeout(limit, TimeUnit.NANOSECONDS);
  }

  private void giveUp(List<Fence> pending, Duration waited) {
    Fence silent =
        pending.stream()
            .filter(dependency -> !dependency.isSignaled())
            .findFirst()
            .orElse(pending.getFirst());
    fail(FenceTimeoutException.afterDeadline(silent, waited));
  }

  private void submit(Executor executor) {
    for (int i = 0; i < parts; i++) {
      int part = i;
      try {
        executor.execute(() -> run(part));
      } catch (RuntimeException | Error refused) {
        failure.compareAndSet(null, refused);
        partEnded();
      }
    }
  }

  private void run(int part) {
    try {
      if (failure.get() == null) {
        job.runBody(access -> body.run(access, part));
      }
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
    partEnded();
  }

  private void partEnded() {
    if (left.decrementAndGet() != 0) {
      return;
    }
    Throwable error = failure.get();
    if (error != null) {
      fail(error);
      return;
    }
    try {
      job.signal();
    } catch (Throwable refused) {
      fail(refused);
    }
  }

  private void fail(Throwable error) {
    if (!job.failAfter(error)) {
      ended.completeExceptionally(error);
    } // else the stage ends with the fence, when its turn has come
  }
}
