package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import java.io.Serial;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What is on its way between decoder and encoder, and hence whether waiting for memory makes sense:
 * pictures on their way will give memory back, and if there are none, nobody will.
 */
final class Traffic {
  /** Room may be made just after the last picture ended: how long to look before giving up. */
  private static final long GRACE_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  /** In what steps budgets are recommended. */
  private static final long BUDGET_STEP = 64 << 10;

  /** There will never be room: the codecs hold everything there is. */
  static final class StarvedException extends Exception {
    @Serial private static final long serialVersionUID = 1L;

    StarvedException(long heldBytes, long neededBytes, long budget) {
      super(
          "a budget of %s is too small: the codecs hold %d bytes and need %d more, give at least %dKiB"
              .formatted(
                  ByteSize.format(budget),
                  heldBytes,
                  neededBytes,
                  enough(heldBytes, neededBytes, budget) >> 10));
    }

    /** What to try next: a heap rounds its limit down, and each buffer up by an eighth at most. */
    private static long enough(long held, long needed, long budget) {
      long bytes = Math.max(held + needed + needed / 8, budget + 1);
      return Math.ceilDiv(bytes, BUDGET_STEP) * BUDGET_STEP;
    }
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by lock.
  private int underway;
  private boolean stopped;

  /** A picture leaves the decoder. */
  void delivered() {
    lock.lock();
    try {
      underway++;
    } finally {
      lock.unlock();
    }
  }

  /** A picture has been encoded. */
  void arrived() {
    lock.lock();
    try {
      underway--;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Nobody shall wait any more. */
  void stop() {
    lock.lock();
    try {
      stopped = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private boolean isStopped() {
    lock.lock();
    try {
      return stopped;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Allocates, and waits for room as long as pictures are on their way.
   *
   * @throws StarvedException if there is no room and none will be made
   * @throws CancellationException if everything is being stopped
   * @throws io.github.dmabuf4j.OutOfBuffersException if the budget is less than the request
   */
  DmaBuf allocate(Heap heap, AllocationRequest request) throws StarvedException {
    CompletableFuture<DmaBuf> wanted = heap.allocateAsync(request);
    if (!wanted.isDone()) {
      var _ = wanted.whenComplete((buffer, failure) -> wakeUp());
      awaitRoom(wanted);
      if (wanted.cancel(false)) {
        if (isStopped()) {
          throw new CancellationException("stopped while waiting for memory");
        }
        throw new StarvedException(
            heap.statistics().liveBytes(), request.size(), heap.limitBytes());
      }
    }
    return result(wanted);
  }

  private static DmaBuf result(CompletableFuture<DmaBuf> done) {
    if (done.state() == java.util.concurrent.Future.State.FAILED
        && done.exceptionNow() instanceof RuntimeException failure) {
      throw failure;
    }
    return done.join();
  }

  private void wakeUp() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void awaitRoom(CompletableFuture<DmaBuf> wanted) {
    lock.lock();
    try {
      long grace = GRACE_NANOS;
      while (!wanted.isDone() && !stopped && grace > 0) {
        if (underway > 0) {
          grace = GRACE_NANOS;
          changed.awaitUninterruptibly();
        } else {
          grace = awaitQuietly(grace);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  @SuppressWarnings("WaitNotInLoop") // the caller loops
  private long awaitQuietly(long nanos) {
    try {
      return changed.awaitNanos(nanos);
    } catch (InterruptedException e) {
      stopped = true;
      Thread.currentThread().interrupt();
      return 0;
    }
  }
}
