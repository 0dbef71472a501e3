package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.EventFences;
import io.github.dmabuf4j.device.KernelFences;
import io.github.dmabuf4j.device.PointFences;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The fences that cross one connection, in either direction: those of the kernel as sync_files, all
 * others as events, or, where both sides have said that they take them, as points of timelines
 * (design rule FN6).
 *
 * <p><b>Abilities.</b> The two ends of a queue say in OFFER and ACCEPT what they take beside
 * sync_files and events: bit 0 is {@link #POINTS}; unknown bits mean nothing, and nothing is said
 * where there is nothing to say. A connection that is no queue has no such answer before the first
 * fence goes, so it has no points.
 *
 * <p><b>Threads.</b> Any. Nothing here waits.
 */
final class PeerFences implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(PeerFences.class.getName());

  /** The ability to take points of timelines. */
  static final int POINTS = 1;

  private static final Set<Errno> NO_ROOM =
      EnumSet.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOSPC, Errno.ENOMEM);

  private static final Set<Errno> NO_DESCRIPTORS = EnumSet.of(Errno.EMFILE, Errno.ENFILE);
  private static final int[] NO_DESCRIPTOR = {};

  /**
   * A fence to be sent. Closing it closes the descriptors, of which the peer has its own by then.
   *
   * @param form as what it travels
   * @param descriptor of the fence, or null if there is nothing to wait for, or it is a point
   * @param point the point, or null if it is none
   */
  record Outgoing(FenceForm form, @Nullable OwnedFd descriptor, PointFences.@Nullable Sent point)
      implements AutoCloseable {
    private static final Outgoing NONE = new Outgoing(FenceForm.NONE, null, null);

    private static Outgoing of(FenceForm form, OwnedFd descriptor) {
      return new Outgoing(form, descriptor, null);
    }

    private static Outgoing of(PointFences.Sent point) {
      FenceForm form =
          point.descriptors().isEmpty() ? FenceForm.POINT : FenceForm.POINT_OF_NEW_TIMELINE;
      return new Outgoing(form, null, point);
    }

    int[] descriptors() {
      if (point != null) {
        return point.descriptors().stream().mapToInt(OwnedFd::fd).toArray();
      }
      return descriptor == null ? NO_DESCRIPTOR : new int[] {descriptor.fd()};
    }

    /** The token that it goes with. */
    Token token(int slot, long turn) {
      return point == null
          ? new Token(slot, turn, form, 0, 0)
          : new Token(slot, turn, form, point.timeline(), point.point());
    }

    /** Notes that the peer has it. */
    void wasSent() {
      if (point != null) {
        point.wasSent();
      }
    }

    @Override
    public void close() {
      if (descriptor != null) {
        descriptor.close();
      }
      if (point != null) {
        point.close();
      }
    }
  }

  private final PeerCredentials peer;
  private final ClosingThread closing;
  private final EventFences events;
  private final PointFences points;
  private final AtomicBoolean saidNoPoints = new AtomicBoolean();
  private volatile boolean peerTakesPoints;

  /**
   * Fences of one connection.
   *
   * @param peer who is at the other end
   * @param closing who closes what the peer has, too
   */
  PeerFences(PeerCredentials peer, ClosingThread closing) {
    this.peer = peer;
    this.closing = closing;
    this.events = new EventFences(peer.toString(), closing);
    this.points = new PointFences(peer.toString(), closing);
  }

  // ---- what both take ----

  /** What this process takes beside sync_files and events. */
  int abilities() {
    return PointFences.areAvailable() ? POINTS : 0;
  }

  /** Notes what the peer takes. */
  void peerHas(int abilities) {
    peerTakesPoints = (abilities & POINTS) != 0 && PointFences.areAvailable();
  }

  /** Writes abilities at the end of a frame, if there are any. */
  static void writeAbilities(ByteBuffer into, int abilities) {
    if (abilities != 0) {
      into.putInt(abilities);
    }
  }

  /** Reads abilities at the end of a frame. */
  static int readAbilities(ByteBuffer content) {
    return content.hasRemaining() ? content.getInt() : 0;
  }

  // ---- out ----

  /**
   * Makes a fence ready to be sent with a token, if there is anything to wait for or to tell.
   *
   * @throws DmaBufException if no descriptor is left
   */
  Outgoing export(Fence fence) {
    if (fence.isSignaled() && fence.error().isEmpty()) {
      return Outgoing.NONE;
    }
    if (peerTakesPoints) {
      Optional<PointFences.Sent> point = exportAsPoint(fence);
      if (point.isPresent()) {
        return Outgoing.of(point.get());
      }
    }
    return exportAlways(fence);
  }

  /** Empty if it goes another way: also where the kernel can't make a timeline. */
  private Optional<PointFences.Sent> exportAsPoint(Fence fence) {
    try {
      return points.export(fence);
    } catch (DmaBufException e) {
      if (e.errno().filter(NO_DESCRIPTORS::contains).isPresent()) {
        throw e; // nor is there one for an event
      }
      if (saidNoPoints.compareAndSet(false, true)) {
        LOG.log(Level.WARNING, "fences for " + peer + " go as events, not as points", e);
      }
      return Optional.empty();
    }
  }

  /**
   * Makes a fence ready to be sent by itself, whatever has become of it.
   *
   * @throws DmaBufException if no descriptor is left
   */
  Outgoing exportAlways(Fence fence) {
    Outgoing kernel = fence.isSignaled() ? null : exportToKernel(fence);
    return kernel == null ? Outgoing.of(FenceForm.EVENT, events.exportFence(fence)) : kernel;
  }

  private @Nullable Outgoing exportToKernel(Fence fence) {
    if (!Fences.unwrap(List.of(fence)).stream()
        .allMatch(leaf -> leaf.kind() == Fence.Kind.KERNEL)) {
      return null;
    }
    try {
      OwnedFd file = KernelFences.ofThisProcess().exportFence(fence);
      if (file instanceof Descriptor ours) {
        Descriptor _ = ours.closedBy(closing);
      }
      return Outgoing.of(FenceForm.SYNC_FILE, file);
    } catch (IllegalArgumentException e) {
      return null; // somebody else watches the kernel for it
    } catch (DmaBufException e) {
      if (e.errno().filter(errno -> errno == Errno.EOPNOTSUPP).isPresent()) {
        return null; // it has signaled meanwhile, and there is nothing to show for it
      }
      throw e;
    }
  }

  // ---- in ----

  /**
   * Makes a fence of what came with a token.
   *
   * @throws PeerException if it isn't what was said, or there are too many
   * @throws IllegalStateException if the connection was closed meanwhile
   */
  Fence importFence(Frame frame, Token token) {
    if (!token.fence().isPoint()) {
      return importFence(frame, token.fence());
    }
    if (abilities() == 0) {
      throw frame.wrong(Problem.CONTENT, "a form of fence that this process takes", token.fence());
    }
    try {
      if (token.fence() == FenceForm.POINT_OF_NEW_TIMELINE) {
        importTimeline(frame, token.timeline());
      }
      return points.importFence(token.timeline(), token.point());
    } catch (IllegalArgumentException e) {
      throw frame.wrong(
          Problem.FENCE, "what belongs to the form " + token.fence(), e.getMessage() + "");
    } catch (DmaBufException e) {
      throw e instanceof PeerException ? e : limit(frame, e);
    }
  }

  private void importTimeline(Frame frame, int number) {
    String holder = "a fence of " + peer;
    Descriptor syncObject = frame.take(0, Descriptor.Kind.FENCE, holder);
    Descriptor failures = null;
    try {
      failures = frame.take(1, Descriptor.Kind.FENCE, holder);
    } finally {
      if (failures == null) {
        syncObject.close();
      }
    }
    points.importTimeline(number, syncObject, failures); // which closes them, come what may
  }

  /** What to say of a fence that there is no room for; what was thrown, if it is something else. */
  private static DmaBufException limit(Frame frame, DmaBufException e) {
    return e.errno().filter(NO_ROOM::contains).isPresent()
        ? frame.wrong(Problem.LIMIT, "a fence that there is room for", e.getMessage() + "")
        : e;
  }

  /**
   * Makes a fence of what came by itself.
   *
   * @throws PeerException if the descriptor isn't what was said, or there are too many
   * @throws IllegalStateException if the connection was closed meanwhile
   */
  Fence importFence(Frame frame, FenceForm form) {
    if (form == FenceForm.NONE) {
      return Fence.stub();
    }
    Descriptor descriptor = frame.take(0, Descriptor.Kind.FENCE, "a fence of " + peer);
    try { // closed by whoever imports it, come what may
      return form == FenceForm.EVENT
          ? events.importFence(descriptor)
          : KernelFences.ofThisProcess().importFence(descriptor);
    } catch (IllegalArgumentException e) {
      throw frame.wrong(Problem.FENCE, "a descriptor of the form " + form, e.getMessage() + "");
    } catch (DmaBufException e) {
      throw limit(frame, e);
    }
  }

  /**
   * Ends the peer's fences that are pending, but for the kernel's, all of them, whatever is thrown
   * for one. Closing again does nothing.
   */
  @Override
  public void close() {
    try (points;
        events) {
      // Closed in any case.
    }
  }
}
