package io.github.dmabuf4j;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
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
  }

  CompletionStage<Void> ended() {
    return ended.minimalCompletionStage();
  }

  void submit(Executor executor) {
    for (int i = 0; i < parts; i++) {
      int part = i;
      try {
        executor.execute(() -> run(part));
      } catch (RuntimeException refused) {
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
    if (error == null) {
      try {
        job.signal();
        ended.complete(null);
        return;
      } catch (IllegalStateException refused) {
        error = refused;
      }
    }
    job.failAfter(error);
    ended.completeExceptionally(error);
  }
}
