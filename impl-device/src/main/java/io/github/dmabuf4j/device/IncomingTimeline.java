package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.KernelSyncObject;
import java.time.Duration;
import java.util.OptionalInt;

/**
 * A timeline that a peer submits to, and whose points are fences here: with the peer's errors, see
 * {@link FailureLog}.
 *
 * <p><b>Threads.</b> Any.
 */
final class IncomingTimeline implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(IncomingTimeline.class.getName());

  private final String peer;
  private final Duration silence;
  private final KernelSyncObject points;
  private final FailureLog failures;
  private final PointWaits waits;

  private IncomingTimeline(
      String peer, Duration silence, KernelSyncObject points, FailureLog failures) {
    this.peer = peer;
    this.silence = silence;
    this.points = points;
    this.failures = failures;
    this.waits = new PointWaits(points, "a fence of " + peer);
  }

  /**
   * Makes one of what a peer sent.
   *
   * @param points the syncobj's; stays the caller's
   * @param failures the memory file's; this object's from now on, unless this fails
   * @throws IllegalArgumentException if one of them is something else
   */
  static IncomingTimeline of(
      String peer, Duration silence, Descriptor points, Descriptor failures) {
    FailureLog log = FailureLog.of(failures);
    KernelSyncObject taken =
        KernelSyncObject.of(KernelTimeline.node(), points, "a fence of " + peer);
    boolean isGood = false;
    try {
      IncomingTimeline made = new IncomingTimeline(peer, silence, taken, log);
      isGood = true;
      return made;
    } finally {
      if (!isGood) {
        taken.close();
      }
    }
  }

  /**
   * A fence that signals when a point is reached.
   *
   * @throws IllegalArgumentException if there can't be such a point
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no descriptor is left, the kernel has no room, or too many are
   *     pending (ENOSPC)
   */
  Fence fence(long point) {
    if (point < 1 || point > FailureLog.LAST_POINT) {
      throw new IllegalArgumentException(
          "wanted a point from 1 to %d, got %d".formatted(FailureLog.LAST_POINT, point));
    }
    if (waits.waiters() >= PointFences.MAX_PENDING) {
      throw new DmaBufException(
          "import",
          Errno.ENOSPC,
          "%d fences of %s are pending, and there is no room for more: have it signal some first"
              .formatted(waits.waiters(), peer),
          null);
    }
    Arrival arrival = new Arrival(point);
    boolean done = false;
    try {
      waits.add(point, arrival);
      done = true;
      return arrival.fence;
    } finally {
      if (!done) {
        arrival.lost();
      }
    }
  }

  /** A fence of the peer. The waits keep it, and so its context, until it has ended. */
  private final class Arrival implements PointWaits.Waiter {
    private final long point;
    private final FenceContext context;
    private final Fence fence;

    Arrival(long point) {
      this.point = point;
      this.context =
          FenceContext.builder("point " + point).driverName(peer).foreign(silence).build();
      this.fence = context.newFence();
    }

    @Override
    public void reached() {
      try (context) { // whatever is thrown, the fence ends
        end();
      }
    }

    /** What can't be read is taken for a failure: nobody must look at bytes that may be wrong. */
    private void end() {
      OptionalInt error;
      try {
        error = failures.error(point);
      } catch (IllegalStateException e) {
        return; // closed meanwhile: the same as lost
      } catch (RuntimeException e) {
        Failures.log(LOG, "reading what became of", fence, e);
        error = OptionalInt.of(Errno.EIO.number());
      }
      if (error.isEmpty()) {
        context.signal(fence);
      } else {
        context.fail(fence, failure(error.getAsInt()));
      }
    }

    private DmaBufException failure(int number) {
      return new DmaBufException(
          "signal",
          Errno.of(number).orElse(null),
          "%s gave up the work of its fence: error %d".formatted(peer, number),
          null);
    }

    @Override
    public void lost() {
      context.close();
    }
  }

  /** Fails what is pending and not reached, and closes all. Closing again does nothing. */
  @Override
  public void close() {
    try (failures;
        points) {
      waits.close();
    }
  }
}
