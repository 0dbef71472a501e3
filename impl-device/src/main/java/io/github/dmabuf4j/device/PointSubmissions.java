package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.KernelSyncObject;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Points of one syncobj that this process has promised, each with the fence that it stands for, and
 * submits to the kernel in their order.
 *
 * <p><b>Invariant.</b> {@code promised} has the points that weren't submitted yet, rising; all of
 * them are above {@code due}, the highest whose fences are over and that the kernel wasn't told of
 * yet, 0 if there is none; and what the kernel was told of is below both. A fence of the kernel is
 * submitted as soon as it is the first; one of this process when it has signaled. So the kernel has
 * the points in their order, without which they would lose their meaning (rule CS9).
 *
 * <p><b>Failures.</b> A point can't say that its work failed: whoever must be told is told before
 * it is signaled. Where the kernel can't be told, for want of memory or Java heap, that is tried
 * again, up to 60 times, a second apart, and with the next fence that signals.
 *
 * <p><b>Threads.</b> Any, with or without reservations held: fences settle this on the threads that
 * signal them. Nothing here waits, and no code of users runs under the lock.
 */
final class PointSubmissions implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(PointSubmissions.class.getName());

  /** How often the kernel is told, a second apart, where that fails. */
  private static final int TRIES = 60;

  /** Who wants to know of work that failed. */
  @FunctionalInterface
  interface FailureRecord {
    /**
     * Called before the point of the work is signaled, once or, where that fails, again. Must not
     * block.
     */
    void failed(long point, Throwable error);
  }

  private record Promised(long point, Fence fence) {}

  private final KernelSyncObject timeline;
  private final FailureRecord failures;
  private final Fence.Callback settle = signaled -> settle(TRIES);
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final Deque<Promised> promised = new ArrayDeque<>();
  private long last;
  private long due;
  private boolean closed;

  /**
   * Begins above what was submitted.
   *
   * @param timeline whose points; stays the caller's, who closes this first
   * @param last the last point that was submitted
   * @param failures who is told of work that failed
   */
  PointSubmissions(KernelSyncObject timeline, long last, FailureRecord failures) {
    this.timeline = timeline;
    this.last = last;
    this.failures = failures;
  }

  /**
   * Promises a point. What submits it is {@link #follow}, which the caller calls next, holding no
   * lock: it may run code of the fence's producer.
   *
   * @throws IllegalArgumentException if it isn't above the last one
   * @throws IllegalStateException if this is closed
   */
  void promise(long point, Fence fence) {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("%s is closed".formatted(timeline));
      }
      if (Long.compareUnsigned(point, last) <= 0) {
        throw new IllegalArgumentException(
            "wanted a point above %s of %s, got %s: points are submitted in rising order"
                .formatted(Long.toUnsignedString(last), timeline, Long.toUnsignedString(point)));
      }
      promised.add(new Promised(point, fence));
      last = point;
    } finally {
      lock.unlock();
    }
  }

  /** Has a fence submit its point, now or when it signals. */
  void follow(Fence fence) {
    boolean _ = fence.addCallback(settle);
    if (isClosed()) {
      boolean _ = fence.removeCallback(settle); // what closed this didn't find it
    }
    settle(TRIES); // it may be over, or the kernel's
  }

  private boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /** How many points are promised and not submitted. */
  int promised() {
    lock.lock();
    try {
      return promised.size();
    } finally {
      lock.unlock();
    }
  }

  // ---- telling the kernel ----

  /** Submits what can be. Doesn't fail: nobody else could. */
  private void settle(int tries) {
    lock.lock();
    try {
      if (!closed) {
        submitAll();
      }
    } catch (RuntimeException | Error e) {
      if (tries <= 1 || !isSettledLater(tries - 1)) {
        Failures.log(LOG, "submitting points of", timeline, e);
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isSettledLater(int tries) {
    try {
      DeviceTimer.later(() -> settle(tries), timeline.toString());
      return true;
    } catch (RuntimeException | Error e) { // no Java heap, no thread
      return false;
    }
  }

  /** Lock held. */
  private void submitAll() {
    Promised first = promised.peek();
    while (first != null && submit(first)) {
      promised.remove();
      first = promised.peek();
    }
    tellWhatIsDue();
  }

  /** Submits one point, or notes that it is due; false if its fence must be waited for. */
  private boolean submit(Promised one) {
    if (one.fence.isSignaled()) {
      one.fence.error().ifPresent(error -> failures.failed(one.point, error));
      due = one.point;
      return true;
    }
    OwnedFd file = syncFile(one.fence);
    if (file == null) {
      return false;
    }
    try (file) {
      tellWhatIsDue();
      timeline.submit(one.point, (Descriptor) file);
      return true;
    }
  }

  private void tellWhatIsDue() {
    if (due != 0) {
      timeline.signal(due); // and all before it
      due = 0;
    }
  }

  /** What of a fence is pending as a sync_file; null if not all of that is the kernel's. */
  private static @Nullable OwnedFd syncFile(Fence fence) {
    boolean isOfTheKernel =
        Fences.unwrap(List.of(fence)).stream()
            .allMatch(
                leaf -> leaf.kind() == Fence.Kind.KERNEL || leaf.status() == Fence.Status.SIGNALED);
    if (!isOfTheKernel) {
      return null;
    }
    try {
      return KernelFences.ofThisProcess().exportFence(fence);
    } catch (IllegalArgumentException e) {
      return null; // it can't be exported: it is signaled from here
    } catch (DmaBufException e) {
      if (e.errno().filter(errno -> errno == Errno.EOPNOTSUPP).isPresent()) {
        return null; // it has signaled meanwhile
      }
      throw e;
    }
  }

  /**
   * Forgets what was promised: those points will never be reached. Closing again does nothing. The
   * lock isn't held while fences are told.
   */
  @Override
  public void close() {
    List<Promised> left;
    lock.lock();
    try {
      closed = true;
      left = List.copyOf(promised);
      promised.clear();
    } finally {
      lock.unlock();
    }
    for (Promised one : left) {
      boolean _ = one.fence.removeCallback(settle);
    }
  }
}
