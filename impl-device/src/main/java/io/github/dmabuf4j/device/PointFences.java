package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.RenderNode;
import io.github.dmabuf4j.device.linux.Syscalls;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Fences of this process for another one, and of another one here: as points of timelines of the
 * kernel ({@code drm_syncobj}), where both have a render node for them (design rule FN6). One
 * object for each peer; {@link EventFences} is for fences that don't go this way.
 *
 * <p><b>What it saves.</b> An event is a descriptor for each fence, made, sent and closed, two of
 * them in the process that signals, for as long as the fence is pending. A timeline is sent once,
 * as two descriptors, and then a fence is two numbers.
 *
 * <p><b>Which fences.</b> Points of one timeline are reached in their order, so a fence goes as a
 * point only if it can't signal before those that went before it: if it is of a {@link
 * FenceContext}, and later there. Each context has a timeline of its own, from its second fence on:
 * many contexts have only one. {@link #export} is empty for all other fences: those of jobs and
 * closures, which may end in any order; containers; those of the kernel, for which a sync_file is
 * better, since it is told of errors and of the end of this process; and where {@value
 * #MAX_TIMELINES} contexts have timelines.
 *
 * <p><b>Errors.</b> A point can't tell them. So a memory file goes with the timeline, in which the
 * points are that failed, see {@link FailureLog}: a fence fails there with the error number it has
 * here.
 *
 * <p><b>Trust.</b> The peer may signal what it likes, early, late, or never, and do to a timeline
 * of its own or of ours what the kernel lets it; it spoils its own work by that, and no other's,
 * for no other peer has that timeline (design rule DV5). It can make the kernel take longer for a
 * request about such a timeline, by points and waiters of its own, and so slow down the threads
 * that make one, that of the poller among them, which asks a bounded number of questions before it
 * goes on. It can't have a thread of this process sleep, see {@link
 * io.github.dmabuf4j.device.linux.KernelSyncObject}; what came isn't asked anything before the
 * kernel has said that it is a syncobj, or a memory file; and a {@link ClosingThread} of this peer
 * closes it, for any kind of file may have come. The files that the peer is given can't be watched
 * by an {@code epoll}, so their close doesn't sleep. A peer that stays silent makes waiters give
 * up; its fences stay pending, until {@link #close} says that it has gone: so a process that dies
 * never signals success.
 *
 * <p><b>Invariant.</b> {@code made} has the timelines that were made for fences of this process, by
 * their numbers; {@code outgoing} those of them that go on, by the context of their fences; {@code
 * incoming} those of the peer, by the number that it gave them. All change under the lock. After
 * {@code closed} was set nothing is added, and all is closed.
 *
 * <p><b>Threads.</b> Any, with or without reservations held; nothing here waits. Imported fences
 * signal on the thread of the poller.
 */
public final class PointFences implements AutoCloseable {
  /** The most timelines in each direction. */
  public static final int MAX_TIMELINES = 16;

  /** How many fences of one timeline of the peer may be pending here. */
  static final int MAX_PENDING = 4096;

  /** How many contexts are remembered that had one fence. */
  private static final int REMEMBERED = 64;

  private final String peer;
  private final Duration silence;
  private final ClosingThread closing;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final Map<Long, OutgoingTimeline> outgoing = new LinkedHashMap<>();
  private final Map<Long, Boolean> seen = new LinkedHashMap<>();
  private final Map<Integer, IncomingTimeline> incoming = new LinkedHashMap<>();
  private final List<OutgoingTimeline> made = new ArrayList<>();
  private boolean closed;

  /**
   * Fences of and for a peer.
   *
   * @param peer its name, for reports
   */
  public PointFences(String peer) {
    this(peer, FenceContext.DEFAULT_SILENCE);
  }

  /**
   * Fences of and for a peer.
   *
   * @param peer its name, for reports
   * @param silence how long a waiter puts up with its silence
   * @throws IllegalArgumentException if the time isn't positive
   */
  public PointFences(String peer, Duration silence) {
    this(peer, silence, new ClosingThread(peer, 0));
  }

  /**
   * Fences of and for a peer, for this module.
   *
   * @param peer its name, for reports
   * @param closing who closes what the peer has, too: who asks it hears of a close that the peer
   *     holds up
   */
  @SuppressWarnings("exports") // of no use to others
  public PointFences(String peer, ClosingThread closing) {
    this(peer, FenceContext.DEFAULT_SILENCE, closing);
  }

  private PointFences(String peer, Duration silence, ClosingThread closing) {
    if (silence.isNegative() || silence.isZero()) {
      throw new IllegalArgumentException("wanted a positive time of silence, got " + silence);
    }
    this.peer = peer;
    this.silence = silence;
    this.closing = closing;
  }

  /**
   * Whether there are timelines here: {@link KernelTimeline#support} says why not.
   *
   * @return true if a render node has them
   */
  public static boolean areAvailable() {
    return RenderNode.present().isPresent();
  }

  // ---- out ----

  /**
   * A fence on its way to the peer: two numbers, and until the peer has the timeline its
   * descriptors. Closing it closes these.
   *
   * @param timeline the number of the timeline, the same for each of its points
   * @param point the number of the point there
   * @param descriptors those of the timeline and of its failures; none if the peer has them
   * @param whenSent what notes that the peer has them
   */
  public record Sent(int timeline, long point, List<OwnedFd> descriptors, Runnable whenSent)
      implements AutoCloseable {
    /** Says that this was sent whole: later points of the timeline go without descriptors. */
    public void wasSent() {
      whenSent.run();
    }

    @Override
    public void close() {
      descriptors.forEach(OwnedFd::close);
    }
  }

  /**
   * Makes a point of a fence, if it can be one.
   *
   * @param fence any
   * @return the point, to be sent and closed; empty if the fence has to go another way, or this is
   *     closed
   * @throws DmaBufException if no descriptor is left for a timeline (EMFILE), or no memory (ENOMEM)
   */
  public Optional<Sent> export(Fence fence) {
    if (fence.kind() != Fence.Kind.HOST || fence.context() < 0 || fence.isSignaled()) {
      return Optional.empty();
    }
    OutgoingTimeline timeline;
    Optional<Sent> sent;
    lock.lock();
    try {
      timeline = closed ? null : timelineFor(fence);
      sent = timeline == null ? Optional.empty() : timeline.export(fence);
    } finally {
      lock.unlock();
    }
    if (timeline == null || sent.isEmpty()) {
      return Optional.empty();
    }
    boolean done = false;
    try {
      timeline.follow(fence);
      done = true;
      return sent;
    } finally {
      if (!done) {
        sent.get().close();
      }
    }
  }

  /** The timeline of a fence's context; null if it hasn't got one, now or ever. Lock held. */
  private @Nullable OutgoingTimeline timelineFor(Fence fence) {
    OutgoingTimeline present = outgoing.get(fence.context());
    if (present != null && !present.isWornOut()) {
      return present;
    }
    if (made.size() == MAX_TIMELINES || (present == null && isFirstOf(fence.context()))) {
      return present;
    }
    OutgoingTimeline fresh = OutgoingTimeline.create(made.size(), "a fence for " + peer);
    boolean isKept = false;
    try {
      outgoing.put(fence.context(), fresh);
      made.add(fresh);
      isKept = true;
      return fresh;
    } finally {
      if (!isKept) { // no Java heap
        outgoing.remove(fence.context(), fresh);
        fresh.close();
      }
    }
  }

  private boolean isFirstOf(long context) {
    boolean isFirst = seen.put(context, true) == null;
    if (seen.size() > REMEMBERED) {
      seen.remove(seen.keySet().iterator().next());
    }
    return isFirst;
  }

  // ---- in ----

  /**
   * Takes a timeline of the peer in. One with a number that is known is closed, and changes
   * nothing.
   *
   * @param timeline the number that the peer gave it, from 0 to {@link #MAX_TIMELINES} - 1
   * @param points the descriptor of the syncobj, closed by this call, come what may
   * @param failures that of the memory file, closed when it isn't needed any more, come what may
   * @throws IllegalArgumentException if the number is out of range, or a descriptor isn't what it
   *     should be
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no render node has timelines (EOPNOTSUPP), or there is no memory
   *     (ENOMEM)
   */
  public void importTimeline(int timeline, int points, int failures) {
    String holder = "a fence of " + peer;
    Descriptor ofFailures = null;
    try {
      ofFailures = adopt(holder, failures);
    } finally {
      if (ofFailures == null) {
        int _ = Syscalls.close(points);
      }
    }
    Descriptor ofPoints = null;
    try {
      ofPoints = adopt(holder, points);
    } finally {
      if (ofPoints == null) {
        ofFailures.close();
      }
    }
    importTimeline(timeline, ofPoints, ofFailures);
  }

  private Descriptor adopt(String holder, int fd) {
    return DescriptorBudget.OF_THIS_PROCESS
        .adopt(Descriptor.Kind.FENCE, holder, fd)
        .closedBy(closing);
  }

  /**
   * Takes a timeline of the peer in, as {@link #importTimeline(int, int, int)} does.
   *
   * @param timeline the number that the peer gave it, from 0 to {@link #MAX_TIMELINES} - 1
   * @param points the syncobj's, closed by this call, come what may
   * @param failures the memory file's, closed when it isn't needed any more, come what may
   * @throws IllegalArgumentException if the number is out of range, or a descriptor isn't what it
   *     should be
   * @throws IllegalStateException if this is closed, or a descriptor was detached or closed
   * @throws DmaBufException if no render node has timelines (EOPNOTSUPP), or there is no memory
   *     (ENOMEM)
   */
  public void importTimeline(int timeline, OwnedFd points, OwnedFd failures) {
    boolean isTaken = false;
    try (points) {
      Descriptor ofFailures = ofPeer(failures);
      try (Descriptor ofPoints = ofPeer(points)) {
        take(timeline, ofPoints, ofFailures);
        isTaken = true;
      } finally {
        if (!isTaken) {
          ofFailures.close();
        }
      }
    } finally {
      if (!isTaken) {
        failures.close();
      }
    }
  }

  /** The same, closed by a thread of the peer's. */
  private Descriptor ofPeer(OwnedFd file) {
    Descriptor own = EventFences.descriptor(file, "a fence of " + peer);
    return own.closing().isEmpty() ? own.closedBy(closing) : own;
  }

  private void take(int timeline, Descriptor points, Descriptor failures) {
    if (timeline < 0 || timeline >= MAX_TIMELINES) {
      throw new IllegalArgumentException(
          "wanted a timeline from 0 to %d, got %d".formatted(MAX_TIMELINES - 1, timeline));
    }
    lock.lock();
    try {
      checkOpen();
      if (incoming.containsKey(timeline)) {
        failures.close();
      } else {
        keep(timeline, IncomingTimeline.of(peer, silence, points, failures));
      }
    } finally {
      lock.unlock();
    }
  }

  /** Lock held. */
  private void keep(int timeline, IncomingTimeline taken) {
    boolean isKept = false;
    try {
      incoming.put(timeline, taken);
      isKept = true;
    } finally {
      if (!isKept) { // no Java heap
        taken.close();
      }
    }
  }

  /** Lock held. */
  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the points of %s are closed".formatted(peer));
    }
  }

  /**
   * Makes a fence of a point.
   *
   * @param timeline the number of a timeline that was imported
   * @param point the number of the point there
   * @return a host fence, foreign
   * @throws IllegalArgumentException if there is no such timeline, or the point can't be
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no descriptor is left (EMFILE), the kernel has no room (ENOSPC,
   *     ENOMEM), or {@value #MAX_PENDING} fences of the timeline are pending (ENOSPC)
   */
  public Fence importFence(int timeline, long point) {
    IncomingTimeline found;
    lock.lock();
    try {
      checkOpen();
      found = incoming.get(timeline);
    } finally {
      lock.unlock();
    }
    if (found == null) {
      throw new IllegalArgumentException(
          "wanted one of the timelines that %s has sent, got number %d".formatted(peer, timeline));
    }
    return found.fence(point);
  }

  // ---- the end ----

  /**
   * The peer has gone: fails its pending fences, and closes the timelines, its own and those that
   * it was given; each, whatever is thrown for another, which is thrown in the end. Closing again
   * does nothing.
   */
  @Override
  public void close() {
    List<Runnable> all = new ArrayList<>();
    lock.lock();
    try {
      closed = true;
      made.forEach(timeline -> all.add(timeline::close));
      incoming.values().forEach(timeline -> all.add(timeline::close));
      outgoing.clear();
      made.clear();
      incoming.clear();
    } finally {
      lock.unlock();
    }
    Failures.forEach(all, Runnable::run);
  }

  @Override
  public String toString() {
    return "points of " + peer;
  }
}
