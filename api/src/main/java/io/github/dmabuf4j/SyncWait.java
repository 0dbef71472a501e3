package io.github.dmabuf4j;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * One thread's wait for points of {@link SyncObject}s.
 *
 * <p><b>Invariant.</b> From before the first look to the end of the wait each point is in one of
 * two places: its entry stands with the timeline, which hands it the fence when the point is
 * submitted, or it has its fence, and, unless that is all it wants, a callback stands on the fence.
 * Both unpark the thread, which then looks again: no event is missed. An entry's fence and failure
 * are written once, by whoever holds the timeline's lock.
 */
final class SyncWait {
  /** What is waited for of one point. */
  final class Entry implements Fence.Callback {
    private final SyncPoint point;
    private volatile @Nullable Fence fence;
    private volatile boolean abandoned;
    private boolean listening; // by the waiting thread
    private long since; // when that thread first saw the fence

    private Entry(SyncPoint point) {
      this.point = point;
    }

    long number() {
      return point.number();
    }

    void found(Fence submitted) {
      fence = submitted;
    }

    void abandoned() {
      abandoned = true;
      wake();
    }

    void wake() {
      LockSupport.unpark(thread);
    }

    @Override
    public void signaled(Fence signaledFence) {
      wake();
    }

    private boolean isReady() {
      Fence present = fence;
      if (present == null) {
        return false;
      }
      if (what == SyncPoint.WaitFor.AVAILABLE || present.isSignaled()) {
        return true;
      }
      if (listening) {
        return false;
      }
      listening = true;
      since = System.nanoTime();
      return !present.addCallback(this);
    }

    /** For how long its silence is still put up with. */
    private long patience() {
      Fence present = fence;
      long silence = present == null ? Long.MAX_VALUE : present.silenceNanos();
      return silence == Long.MAX_VALUE ? silence : silence - (System.nanoTime() - since);
    }
  }

  private final Thread thread = Thread.currentThread();
  private final List<Entry> entries = new ArrayList<>();
  private final SyncPoint.WaitFor what;
  private final boolean all;
  private final long timeoutNanos;
  private final long start = System.nanoTime();
  private boolean interrupted;

  SyncWait(List<SyncPoint> points, SyncPoint.WaitFor what, boolean all, Duration timeout) {
    this.what = Objects.requireNonNull(what, "what");
    this.all = all;
    this.timeoutNanos = Deadline.nanos(timeout);
    points.forEach(point -> entries.add(new Entry(point)));
    if (!all && entries.isEmpty()) {
      throw new IllegalArgumentException("wanted at least one point to wait for, got none");
    }
  }

  static IllegalArgumentException notSubmitted(SyncPoint point) {
    return new IllegalArgumentException(
        "wanted a point that somebody has submitted, got %s: submit it first, or wait for SUBMIT"
            .formatted(point));
  }

  /** The fence of a point that was waited for with success. */
  Fence fence(int index) {
    return Objects.requireNonNull(entries.get(index).fence);
  }

  /**
   * Waits interruptibly.
   *
   * @return the index of the first point that has come about, or 0 where all were wanted; empty if
   *     the time was up
   */
  OptionalInt await() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    OptionalInt ready = OptionalInt.empty();
    boolean returned = false;
    try {
      ready = await(true);
      returned = true;
    } finally {
      if (interrupted && (ready.isPresent() || !returned)) {
        thread.interrupt(); // it came together with the event, or the end: kept for later
      }
    }
    if (interrupted && ready.isEmpty()) {
      throw new InterruptedException();
    }
    return ready;
  }

  OptionalInt awaitUninterruptibly() {
    try {
      return await(false);
    } finally {
      if (interrupted) {
        thread.interrupt();
      }
    }
  }

  private OptionalInt await(boolean interruptible) {
    try {
      begin();
      while (true) {
        OptionalInt ready = ready();
        if (ready.isPresent() || timeoutNanos <= 0) {
          return ready;
        }
        long left = timeoutNanos - (System.nanoTime() - start);
        if (left <= 0) {
          return ready;
        }
        LockSupport.parkNanos(this, Math.min(left, patience()));
        if (Thread.interrupted()) {
          interrupted = true;
          if (interruptible) {
            return ready();
          }
        }
      }
    } finally {
      end();
    }
  }

  private void begin() {
    if (what == SyncPoint.WaitFor.SIGNALED) {
      for (Entry entry : entries) {
        Fence found = entry.point.timeline().find(entry.number());
        if (found == null) {
          throw notSubmitted(entry.point);
        }
        entry.found(found);
        if (timeoutNanos > 0) {
          Lockdep.mayWait(found);
        }
      }
      return;
    }
    if (Lockdep.isEnabled() && timeoutNanos > 0) {
      Lockdep.mayWaitForSubmission(entries.stream().map(entry -> entry.point).toList());
    }
    entries.forEach(entry -> entry.point.timeline().findOrWait(entry));
  }

  private OptionalInt ready() {
    int count = 0;
    OptionalInt first = OptionalInt.empty();
    for (int i = 0; i < entries.size(); i++) {
      if (entries.get(i).isReady()) {
        count++;
        first = first.isPresent() ? first : OptionalInt.of(i);
      }
    }
    if (all && count == entries.size()) {
      return OptionalInt.of(0);
    }
    if (!all && count > 0) {
      return first;
    }
    for (Entry entry : entries) {
      if (entry.abandoned) {
        throw new FenceAbandonedException(
            "await", "%s was closed before anybody submitted it".formatted(entry.point));
      }
    }
    return OptionalInt.empty();
  }

  /** The time until the silence of foreign fences ends this wait, if it can. */
  private long patience() {
    LongStream patience =
        entries.stream().filter(entry -> !entry.isReady()).mapToLong(Entry::patience);
    long left = (all ? patience.min() : patience.max()).orElse(Long.MAX_VALUE);
    if (left > 0) {
      return left;
    }
    for (Entry entry : entries) {
      Fence silent = entry.fence;
      if (silent != null && !silent.isSignaled() && entry.patience() <= 0) {
        throw FenceTimeoutException.afterSilence(silent, Duration.ofNanos(silent.silenceNanos()));
      }
    }
    return 1; // it has signaled meanwhile: look again
  }

  private void end() {
    for (Entry entry : entries) {
      entry.point.timeline().forget(entry);
      Fence found = entry.fence;
      if (found != null && entry.listening) {
        var _ = found.removeCallback(entry);
      }
    }
  }
}
