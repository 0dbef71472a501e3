package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.PointFences.Sent;
import io.github.dmabuf4j.device.linux.KernelSyncObject;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A timeline that this process submits to, for the fences of one context and for one peer.
 *
 * <p><b>Invariant.</b> Points are given to fences in the order in which these signal: to each a
 * later one of the context than to the point before. Of points that are promised and failures that
 * are noted there are never more together than {@link FailureLog#CAPACITY}, so each point may still
 * fail.
 *
 * <p><b>Threads.</b> One at a time exports; all else any.
 */
final class OutgoingTimeline implements AutoCloseable {
  /** From so many failures on, another timeline is begun, whose log has room. */
  private static final int WORN_OUT = FailureLog.CAPACITY / 2;

  private final int number;
  private final String holder;
  private final KernelSyncObject points;
  private final FailureLog failures;
  private final PointSubmissions submissions;

  /** Whether the peer has it. */
  private volatile boolean isKnown;

  /** The fence that was followed last: one that is exported again isn't followed again. */
  private volatile @Nullable Fence followed;

  private long point;
  private @Nullable Fence last;

  private OutgoingTimeline(
      int number, String holder, KernelSyncObject points, FailureLog failures) {
    this.number = number;
    this.holder = holder;
    this.points = points;
    this.failures = failures;
    this.submissions =
        new PointSubmissions(
            points, 0, (failed, error) -> failures.add(failed, Failures.number(error)));
  }

  static OutgoingTimeline create(int number, String holder) {
    FailureLog failures = FailureLog.create(holder);
    KernelSyncObject points = null;
    boolean done = false;
    try {
      points = KernelSyncObject.create(KernelTimeline.node(), holder);
      OutgoingTimeline made = new OutgoingTimeline(number, holder, points, failures);
      done = true;
      return made;
    } finally {
      if (!done) {
        failures.close();
        if (points != null) {
          points.close();
        }
      }
    }
  }

  /** Whether its log of failures is filling up. */
  boolean isWornOut() {
    return failures.count() >= WORN_OUT;
  }

  /**
   * Makes a fence of the context the next point; empty if it can't be. The caller calls {@link
   * #follow} next.
   */
  Optional<Sent> export(Fence fence) {
    Fence before = last;
    boolean isLater = before == null || fence.seqno() > before.seqno();
    boolean isFull = submissions.promised() + failures.count() >= FailureLog.CAPACITY;
    if (fence != before && (!isLater || isFull)) {
      return Optional.empty();
    }
    List<OwnedFd> descriptors = isKnown ? List.of() : descriptors();
    boolean done = false;
    try {
      if (fence != before) {
        submissions.promise(point + 1, fence);
        point++;
        last = fence;
      }
      done = true;
      return Optional.of(new Sent(number, point, descriptors, () -> isKnown = true));
    } finally {
      if (!done) {
        descriptors.forEach(OwnedFd::close);
      }
    }
  }

  private List<OwnedFd> descriptors() {
    OwnedFd first = points.export(holder);
    boolean done = false;
    try {
      List<OwnedFd> both = List.of(first, failures.duplicate(holder));
      done = true;
      return both;
    } finally {
      if (!done) {
        first.close();
      }
    }
  }

  /** Has a fence signal its point. No lock may be held. */
  void follow(Fence fence) {
    if (fence != followed) {
      submissions.follow(fence);
      followed = fence;
    }
  }

  /** Forgets what was promised, and closes all. Closing again does nothing. */
  @Override
  public void close() {
    try (failures;
        points) {
      submissions.close();
    }
  }
}
