package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventTimer;
import io.github.dmabuf4j.device.linux.EventValue;
import io.github.dmabuf4j.device.linux.Poller;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Fences of this process for another one, and of another one here: as an event, a descriptor that
 * becomes readable when the fence signals (design rule FN6). One object for each peer.
 *
 * <p><b>Kinds.</b> An event is made as a {@code timerfd} and taken as that or as an {@code
 * eventfd}. Either can be waited for by {@code poll}, {@code epoll} and {@code io_uring}, and has a
 * value, which the kernel tells without its being taken out. That of an eventfd is its count, as in
 * {@code /proc/self/fdinfo}. That of a timer is 0 until it has run out, then 1, and one more for
 * each million seconds of the interval, as {@code timerfd_gettime} tells it.
 *
 * <table>
 * <caption>The value</caption>
 * <tr><th>value</th><th>meaning</th></tr>
 * <tr><td>0</td><td>pending: not readable</td></tr>
 * <tr><td>1</td><td>signaled</td></tr>
 * <tr><td>1 + a Linux error number</td><td>failed; {@link Errno#ECANCELED} for errors without a number</td></tr>
 * </table>
 *
 * <p>Nobody takes the value out, so any number of descriptors may be made of one, and passed on.
 *
 * <p><b>Trust.</b> The peer may write what it likes, early, late, or never (design rule DV5). What
 * it says is read once: another value than those above fails the fence, and so does one that has
 * gone when it is read. Where it can't be read for now, for want of a descriptor, which an eventfd
 * takes, or of Java heap, that is tried again each second. It may hold its own work up with a lie,
 * and nothing else. A peer that stays silent makes waiters give up after {@link
 * FenceContext#DEFAULT_SILENCE}; the fence stays pending, until {@link #close} says that the peer
 * has gone, and finds that it has said nothing: so a process that dies never signals success. A
 * peer can't have a thread of this process sleep by what it reads or sets: signaling a fence tells
 * the peer in a call that doesn't, see {@link EventTimer}; and what came is not asked for a value
 * before it is known to have one, see {@link EventValue}. Nor by a close, which takes the mutex of
 * an {@code epoll} that watches the event: a {@link ClosingThread} of this peer does that. Where a
 * connection has one, it is the connection's, which sends and takes nothing more once a close
 * doesn't come to an end.
 *
 * <p><b>Invariant.</b> {@code pending} has each imported fence whose descriptor is open. Whoever
 * takes one out, the poller or {@link #close}, closes its descriptor and ends it, so that happens
 * once, and whatever is thrown meanwhile. After {@code closed} was set nothing stays in it.
 *
 * <p><b>Threads.</b> Any, with or without reservations held; nothing here waits. Imported fences
 * signal on the thread of {@link Poller}, also those that are read late; those that {@link #close}
 * ends, on its thread.
 */
public final class EventFences implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(EventFences.class.getName());
  private static final long SIGNALED = 1;

  private static final long LARGEST_ERROR = 4095; // MAX_ERRNO

  /** How often the peer is told, a second apart, where that fails: for want of Java heap. */
  private static final int TRIES = 60;

  private final String peer;
  private final String toPeer;
  private final String ofPeer;
  private final Duration silence;
  private final EventCalls calls;
  private final ClosingThread closing;
  private final Poller poller;
  private final Set<Imported> pending = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  /**
   * Fences of and for a peer.
   *
   * @param peer its name, for reports
   */
  public EventFences(String peer) {
    this(peer, FenceContext.DEFAULT_SILENCE);
  }

  /**
   * Fences of and for a peer.
   *
   * @param peer its name, for reports
   * @param silence how long a waiter puts up with its silence
   * @throws IllegalArgumentException if the time isn't positive
   */
  public EventFences(String peer, Duration silence) {
    this(
        peer,
        silence,
        new ClosingThread(peer, 0),
        EventCalls.OF_THE_KERNEL,
        Poller.ofThisProcess());
  }

  /**
   * Fences of and for a peer, for this module.
   *
   * @param peer its name, for reports
   * @param closing who closes what the peer has, too: who asks it hears of a close that the peer
   *     holds up
   */
  @SuppressWarnings("exports") // of no use to others
  public EventFences(String peer, ClosingThread closing) {
    this(
        peer,
        FenceContext.DEFAULT_SILENCE,
        closing,
        EventCalls.OF_THE_KERNEL,
        Poller.ofThisProcess());
  }

  /** The same with calls and a poller that may fail. */
  EventFences(String peer, Duration silence, EventCalls calls, Poller poller) {
    this(peer, silence, new ClosingThread(peer, 0), calls, poller);
  }

  private EventFences(
      String peer, Duration silence, ClosingThread closing, EventCalls calls, Poller poller) {
    if (silence.isNegative() || silence.isZero()) {
      throw new IllegalArgumentException("wanted a positive time of silence, got " + silence);
    }
    this.peer = peer;
    this.toPeer = "a fence for " + peer;
    this.ofPeer = "a fence of " + peer;
    this.silence = silence;
    this.calls = calls;
    this.poller = poller;
    this.closing = closing;
  }

  // ---- out ----

  /**
   * Makes a descriptor that is readable once a fence has signaled. It takes a second descriptor
   * until then.
   *
   * @param fence any, also a container or a kernel fence
   * @return a timerfd, owned by the caller, close-on-exec and non-blocking
   * @throws DmaBufException if no descriptor is left (EMFILE): names the holders
   */
  public OwnedFd exportFence(Fence fence) {
    Descriptor ours = EventTimer.create(Descriptor.Kind.FENCE, toPeer).closedBy(closing);
    Descriptor theirs = null;
    boolean isDone = false;
    try {
      theirs = ours.duplicate(toPeer);
      if (!fence.addCallback(signaled -> tell(ours, signaled, TRIES))) {
        tell(ours, fence, TRIES);
      }
      isDone = true;
      return theirs;
    } finally {
      if (!isDone) {
        ours.close();
        if (theirs != null) {
          theirs.close();
        }
      }
    }
  }

  /**
   * Tells the peer, now or later, and then closes the descriptor. Doesn't fail: nobody else could
   * tell it.
   */
  private void tell(Descriptor event, Fence signaled, int tries) {
    if (event.isClosed()) {
      return; // later was too late
    }
    try {
      calls.set(event, signaled.error().map(EventFences::value).orElse(SIGNALED));
    } catch (RuntimeException | Error e) {
      if (tries > 1 && isToldLater(event, signaled, tries - 1)) {
        return;
      }
      Failures.log(LOG, "signaling", event, e);
    }
    event.close();
  }

  private boolean isToldLater(Descriptor event, Fence signaled, int tries) {
    try {
      DeviceTimer.later(() -> tell(event, signaled, tries), toPeer);
      return true;
    } catch (RuntimeException | Error e) { // no Java heap, no thread
      return false;
    }
  }

  private static long value(Throwable error) {
    return SIGNALED + Failures.number(error);
  }

  // ---- in ----

  /**
   * Takes an event of the peer over.
   *
   * @param fd its descriptor, owned by the fence from now on, even if this call fails, and closed
   *     when it signals
   * @return a host fence, foreign
   * @throws IllegalArgumentException if it is neither a timerfd's nor an eventfd's
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if the kernel has no room to watch it (ENOSPC, ENOMEM), or no
   *     descriptor is left to look at it with (EMFILE, ENFILE)
   */
  public Fence importFence(int fd) {
    if (fd < 0) {
      throw new IllegalArgumentException("wanted the descriptor of an event, got " + fd);
    }
    return importFence(
        DescriptorBudget.OF_THIS_PROCESS
            .adopt(Descriptor.Kind.FENCE, ofPeer, fd)
            .closedBy(closing));
  }

  /**
   * Takes an event of the peer over, as {@link #importFence(int)} does.
   *
   * @param file the fence's from now on, even if this call fails, and closed when it signals
   * @return a host fence, foreign
   * @throws IllegalArgumentException if it is neither a timerfd's nor an eventfd's
   * @throws IllegalStateException if it was detached or closed, or this is closed
   * @throws DmaBufException if the kernel has no room to watch it (ENOSPC, ENOMEM), or no
   *     descriptor is left to look at it with (EMFILE, ENFILE)
   */
  public Fence importFence(OwnedFd file) {
    Descriptor event = descriptor(file, ofPeer);
    if (event.closing().isEmpty()) {
      event.closedBy(closing);
    }
    boolean watched = false;
    try {
      if (calls.value(event).isEmpty()) {
        throw new IllegalArgumentException(
            "wanted the descriptor of an event from %s, a timerfd or an eventfd, got another kind of file"
                .formatted(peer));
      }
      Fence fence = watch(event);
      watched = true;
      return fence;
    } finally {
      if (!watched) {
        event.close();
      }
    }
  }

  /** The same, as one of ours. */
  static Descriptor descriptor(OwnedFd file, String holder) {
    return file instanceof Descriptor ours
        ? ours
        : DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.FENCE, holder, file.detach());
  }

  private Fence watch(Descriptor event) {
    Imported imported = new Imported(event);
    pending.add(imported);
    Poller.Registration registration = null;
    try {
      registration = poller.register(event, Poller.IN, imported);
      imported.registration = registration;
    } finally {
      if (registration == null) {
        imported.giveUp();
      }
    }
    // Partner: close() writes `closed`, then empties `pending`. One of the two sees the other; it
    // may have done so before there was a registration to cancel.
    if (closed) {
      registration.cancel();
      imported.giveUp();
      throw new IllegalStateException("the fences of %s are closed".formatted(peer));
    }
    return imported.fence;
  }

  /** A fence that the peer is going to signal. */
  private final class Imported implements Poller.Callback {
    private final Descriptor event;
    private final FenceContext context;
    private final Fence fence;
    private volatile Poller.@Nullable Registration registration;

    Imported(Descriptor event) {
      this.event = event;
      this.context =
          FenceContext.builder(event.toString()).driverName(peer).foreign(silence).build();
      this.fence = context.newFence();
    }

    @Override
    public void ready(int events) {
      if (!pending.contains(this)) {
        return;
      }
      long value = 0;
      try {
        value = calls.value(event).orElse(0); // once: it may be another one next time
      } catch (RuntimeException | Error e) {
        if (!pending.contains(this) || (Failures.isShortage(e) && isTriedLater(e))) {
          return; // given up meanwhile, or read later
        }
        Failures.log(LOG, "reading the value of", event, e);
      }
      finish(value);
    }

    /** Whatever is thrown, the fence ends. */
    private void finish(long value) {
      if (pending.remove(this)) {
        try (context) {
          event.close();
          end(value);
        }
      }
    }

    /**
     * On the timer: has the poller look again, for callbacks of users run on its thread. Where that
     * can't be, and no later either, the fence fails here.
     */
    private void watchAgain() {
      try {
        registration = poller.register(event, Poller.IN, this);
      } catch (RuntimeException | Error e) {
        if (pending.contains(this) && !(Failures.isShortage(e) && isTriedLater(e))) {
          Failures.log(LOG, "waiting again for", event, e);
          finish(0);
        }
        return;
      }
      if (!pending.contains(this)) { // given up meanwhile
        cancel();
      }
    }

    private boolean isTriedLater(Throwable reason) {
      try {
        DeviceTimer.later(this::watchAgain, ofPeer);
      } catch (RuntimeException | Error e) { // no Java heap, no thread
        return false;
      }
      try {
        LOG.log(Level.WARNING, "{0} cannot be read yet: {1}", event, reason.getMessage());
      } catch (RuntimeException | Error e) {
        // It is read later all the same.
      }
      return true;
    }

    private void end(long value) {
      if (value == SIGNALED) {
        context.signal(fence);
        return;
      }
      long number = value - SIGNALED;
      boolean isError = number > 0 && number <= LARGEST_ERROR;
      context.fail(
          fence,
          new DmaBufException(
              "signal",
              isError ? Errno.of((int) number).orElse(null) : Errno.EINVAL,
              isError
                  ? "%s gave up the work of its fence: error %d".formatted(peer, number)
                  : "%s signaled its fence with the value %s, which means nothing"
                      .formatted(peer, Long.toUnsignedString(value)),
              null));
    }

    /** The end: what the peer has said by now counts; what it hasn't, fails. */
    void giveUp() {
      if (pending.remove(this)) {
        try (context;
            event) {
          try {
            cancel();
          } finally {
            endBy(valueAtTheEnd());
          }
        }
      }
    }

    private long valueAtTheEnd() {
      try {
        return calls.value(event).orElse(0); // once, as in ready()
      } catch (RuntimeException | Error e) {
        Failures.log(LOG, "reading the last value of", event, e);
        return 0;
      }
    }

    private void endBy(long value) {
      if (value != 0) {
        end(value);
      }
    }

    private void cancel() {
      Poller.Registration present = registration;
      if (present != null) {
        boolean _ = present.cancel();
      }
    }
  }

  /**
   * The peer has gone: each pending fence ends with the value that its event has by now, and fails
   * if it has none; its descriptor is closed. Each, whatever is thrown for another, which is thrown
   * in the end. Fences of this process that it was given are not concerned. Closing again does
   * nothing.
   */
  @Override
  public void close() {
    closed = true;
    Failures.forEach(pending, Imported::giveUp);
  }

  @Override
  public String toString() {
    return "fences of " + peer;
  }
}
