package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.KernelSyncObject;
import io.github.dmabuf4j.device.linux.KernelSyncObject.State;
import io.github.dmabuf4j.device.linux.RenderNode;
import java.time.Duration;

/**
 * A timeline of the kernel's ({@code drm_syncobj}): numbered points that processes and devices
 * submit and wait for, all by one descriptor, where a render node's driver has them (design rule
 * FN6). Vulkan knows it as a timeline semaphore with an opaque descriptor, Wayland as {@code
 * linux-drm-syncobj-v1}.
 *
 * <p><b>Out.</b> {@link #submit} says what a point stands for. A fence of the kernel is put there
 * at once, so that it is reached without this process; one of this process when it has signaled.
 * Until then the point isn't submitted: others wait for that (<i>wait before submit</i>).
 *
 * <p><b>In.</b> {@link #fence} is a fence of this process that signals when a point is reached,
 * submitted or not. A point depends on what somebody does next, so its fence is foreign (design
 * rule FN1): a waiter gives up after a time of silence, and the fence stays pending, until {@link
 * #close}.
 *
 * <p><b>Order.</b> A point is reached when its work and that of all points before it is done. So
 * this process submits points in rising order; a fence that signals early waits for those before
 * it. Nobody but the submitter can keep that order: let one process submit.
 *
 * <p><b>Errors.</b> A point is reached, or isn't: that its work failed it can't tell, as Linux has
 * it. A process that fails or dies before it has submitted a point never signals success; one that
 * gave up work has the point reached. {@link PointFences} tell the other process of errors, too.
 *
 * <p><b>Descriptors.</b> One in each process that has the timeline open as a file; here none, but a
 * counter from the first wait for a point to {@link #close}, however many are waited for.
 *
 * <p><b>Threads.</b> Any, with or without reservations held; nothing here waits. Fences of points
 * signal on the thread of the poller.
 *
 * <p>Source: drivers/gpu/drm/drm_syncobj.c; rules CS5 to CS9.
 */
public final class KernelTimeline implements AutoCloseable {
  private static final String DRIVER = "syncobj";

  private final String name;
  private final KernelSyncObject points;
  private final PointSubmissions submissions;
  private final PointWaits waits;

  private KernelTimeline(String name, KernelSyncObject points) {
    this.name = name;
    this.points = points;
    this.submissions = new PointSubmissions(points, points.lastSubmitted(), (point, error) -> {});
    this.waits = new PointWaits(points, name);
  }

  // ---- making one ----

  /**
   * Whether there are timelines here.
   *
   * @param node the render node that they are made with; empty if there is none
   * @param reason why there is none; empty if there is one
   * @param fix the exact line that would help; empty if there is none
   */
  public record Support(String node, String reason, String fix) {
    /**
     * Whether timelines can be made.
     *
     * @return true if there is a node
     */
    public boolean isThere() {
      return reason.isEmpty();
    }
  }

  /**
   * Says whether there are timelines here, and if not, why. The first call looks for a render node,
   * and opens it for the life of the process; the system property {@code dmabuf4j.rendernode} names
   * the one to use, or {@code none}.
   *
   * @return the same at each call
   */
  public static Support support() {
    RenderNode.Search search = RenderNode.ofThisProcess();
    RenderNode node = search.node();
    return new Support(node == null ? "" : node.describe(), search.reason(), search.fix());
  }

  /**
   * Makes a timeline without points.
   *
   * @param name what it stands for, in reports
   * @return a new timeline, to be closed
   * @throws DmaBufException if no render node has timelines (EOPNOTSUPP): says why; or there is no
   *     memory (ENOMEM)
   */
  public static KernelTimeline create(String name) {
    return over(name, KernelSyncObject.create(node(), name));
  }

  /**
   * Takes a timeline over that another process or a driver made.
   *
   * @param fd its descriptor, closed by this call, come what may
   * @param name what it stands for, in reports
   * @return the timeline, to be closed
   * @throws IllegalArgumentException if it is no {@code drm_syncobj}'s
   * @throws DmaBufException if no render node has timelines (EOPNOTSUPP): says why; or there is no
   *     memory (ENOMEM)
   */
  public static KernelTimeline importFd(int fd, String name) {
    if (fd < 0) {
      throw new IllegalArgumentException("wanted the descriptor of a drm_syncobj, got " + fd);
    }
    try (Descriptor file =
        DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.FENCE, name, fd)) {
      return over(name, KernelSyncObject.of(node(), file, name));
    }
  }

  private static KernelTimeline over(String name, KernelSyncObject points) {
    boolean done = false;
    try {
      KernelTimeline made = new KernelTimeline(name, points);
      done = true;
      return made;
    } finally {
      if (!done) {
        points.close();
      }
    }
  }

  /** The node that all share. */
  static RenderNode node() {
    return RenderNode.present()
        .orElseThrow(
            () ->
                new DmaBufException(
                    "timeline",
                    Errno.EOPNOTSUPP,
                    "wanted a render node whose driver has timelines, but %s. Without one, fences go as sync_files and events: see KernelFences and EventFences"
                        .formatted(support().reason()),
                    null));
  }

  /**
   * A descriptor of this timeline, for another process or a driver, which may then signal points as
   * well as wait for them.
   *
   * @return a descriptor, the caller's, close-on-exec
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no descriptor is left (EMFILE)
   */
  public OwnedFd exportFd() {
    return points.export(name);
  }

  // ---- out ----

  /**
   * Says what a point stands for. It is reached when the fence has signaled, whether or not with an
   * error, and all points before it are.
   *
   * @param point above the last one, as an unsigned number
   * @param fence any, of this process or the kernel, also a container
   * @throws IllegalArgumentException if the point isn't above the last one that was submitted here
   * @throws IllegalStateException if this is closed
   */
  public void submit(long point, Fence fence) {
    submissions.promise(point, fence);
    submissions.follow(fence);
  }

  /**
   * Says that there is nothing to wait for at a point: it is reached when all before it are.
   *
   * @param point above the last one, as an unsigned number
   * @throws IllegalArgumentException if the point isn't above the last one that was submitted here
   * @throws IllegalStateException if this is closed
   */
  public void signal(long point) {
    submit(point, Fence.stub());
  }

  // ---- in ----

  /**
   * A fence that signals when a point is reached, submitted or not. Waiters put up with silence for
   * {@link FenceContext#DEFAULT_SILENCE}.
   *
   * @param point its number, at least 1, as an unsigned number
   * @return a host fence, foreign; signaled if the point is reached
   * @throws IllegalArgumentException if the point is 0, which stands for the timeline as a whole
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no descriptor is left (EMFILE), or the kernel has no room (ENOSPC,
   *     ENOMEM)
   */
  public Fence fence(long point) {
    return fence(point, FenceContext.DEFAULT_SILENCE);
  }

  /**
   * A fence that signals when a point is reached, submitted or not.
   *
   * @param point its number, at least 1, as an unsigned number
   * @param silence how long a waiter puts up with silence
   * @return a host fence, foreign; signaled if the point is reached
   * @throws IllegalArgumentException if the point is 0, or the time isn't positive
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no descriptor is left (EMFILE), or the kernel has no room (ENOSPC,
   *     ENOMEM)
   */
  public Fence fence(long point, Duration silence) {
    if (point == 0) {
      throw new IllegalArgumentException(
          "wanted a point of %s from 1 on, got 0: it stands for the timeline as a whole"
              .formatted(this));
    }
    if (points.look(point) == State.REACHED) {
      return Fence.stub();
    }
    FenceContext context =
        FenceContext.builder("%s, point %s".formatted(name, Long.toUnsignedString(point)))
            .driverName(DRIVER)
            .foreign(silence)
            .build();
    Fence fence = context.newFence();
    boolean done = false;
    try {
      waits.add(point, new Arrival(context, fence));
      done = true;
      return fence;
    } finally {
      if (!done) {
        context.close();
      }
    }
  }

  /** Signals a fence. The waits keep it, and so its context, until then. */
  private record Arrival(FenceContext context, Fence fence) implements PointWaits.Waiter {
    @Override
    public void reached() {
      try (context) {
        context.signal(fence);
      }
    }

    @Override
    public void lost() {
      context.close();
    }
  }

  /**
   * A sync_file of what a point stands for now, which never changes: a fence of the kernel, for
   * {@link KernelFences} or a driver.
   *
   * @param point its number, or 0 for the timeline as a whole
   * @return a descriptor, the caller's
   * @throws IllegalArgumentException if nobody has submitted the point
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no descriptor is left (EMFILE)
   */
  public OwnedFd exportSyncFile(long point) {
    return points.exportSyncFile(point, name);
  }

  /**
   * The last point up to which everything has signaled.
   *
   * @return a point, unsigned; 0 if there is none, or somebody submitted points out of order
   * @throws IllegalStateException if this is closed
   */
  public long lastSignaled() {
    return points.lastSignaled();
  }

  /**
   * The last point that was submitted to the kernel, by anybody.
   *
   * @return a point, unsigned; 0 if there is none
   * @throws IllegalStateException if this is closed
   */
  public long lastSubmitted() {
    return points.lastSubmitted();
  }

  // ---- the end ----

  /**
   * Whether this is closed.
   *
   * @return true once {@link #close} was called
   */
  public boolean isClosed() {
    return points.isClosed();
  }

  /**
   * Ends the use of the timeline here. Fences of its points that aren't reached fail with {@link
   * io.github.dmabuf4j.FenceAbandonedException}; points whose fences haven't signaled are never
   * submitted. The timeline goes on for others who have it. Closing again does nothing.
   */
  @Override
  public void close() {
    try (points;
        waits) {
      submissions.close();
    }
  }

  @Override
  public String toString() {
    return "kernel timeline %s%s".formatted(name, isClosed() ? " (closed)" : "");
  }
}
