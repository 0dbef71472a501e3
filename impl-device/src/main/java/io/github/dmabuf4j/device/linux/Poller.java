package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.pollfd;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Says when descriptors become ready: one thread and one epoll for all of them, thousands if need
 * be (design rule FN5). The thread is a daemon, begins with the first registration, and is the only
 * one that waits in the kernel.
 *
 * <p><b>Invariant.</b>
 *
 * <ul>
 *   <li>A watch is in both maps exactly while epoll has its descriptor. It wants what its
 *       registrations want together, at least one of them, and holds the descriptor open: the
 *       number can't be somebody else's. All of this changes under {@code lock} alone.
 *   <li>A registration is on the list of its watch until somebody takes it off, under the lock: the
 *       thread that runs its callback next, or whoever cancelled it. So a callback runs once, or
 *       never if cancelling succeeded.
 *   <li>Under the lock no callback runs and no descriptor is closed. A descriptor that was closed
 *       by its owner meanwhile is closed once its last registration is over, before the callback
 *       runs.
 *   <li>An event that epoll had found before its watch ended, or wanted something else, finds
 *       nothing: watches have numbers that are never given again.
 * </ul>
 *
 * <p><b>Edges.</b> A signal that interrupts the wait, and an event that nobody wants, change
 * nothing. An error or a hang-up of the descriptor is an event that everybody wants. A callback
 * that throws is logged, and the others run. A descriptor that epoll refuses, such as a plain
 * file's, is refused.
 *
 * <p><b>Threads.</b> Any, virtual or not, with or without reservations held; no call waits for
 * others but {@code await…}.
 *
 * <p>Source: fs/eventpoll.c; design rules DV1, DV2.
 */
public final class Poller implements AutoCloseable {
  /** Something can be read, or a fence has signaled. */
  public static final int IN = linux_h.EPOLLIN();

  /** Something can be written. */
  public static final int OUT = linux_h.EPOLLOUT();

  /** What is reported whether or not it is wanted: an error, a hang-up. */
  public static final int FAILED = linux_h.EPOLLERR() | linux_h.EPOLLHUP();

  private static final System.Logger LOG = System.getLogger(Poller.class.getName());
  private static final int BATCH = 128;
  private static final long WAKE = 0;

  /** What runs when a descriptor is ready. */
  @FunctionalInterface
  public interface Callback {
    /**
     * Called once, on the poller's thread, with no lock held. Must be short and must not block:
     * others wait for it.
     *
     * @param events what happened: some of those wanted, or of {@link #FAILED}; 0 if the poller was
     *     closed or broke, and nothing will be heard any more
     */
    void ready(int events);
  }

  /** What epoll knows of one descriptor. */
  private static final class Watch {
    final Descriptor descriptor;
    final long number;
    final List<Registration> registrations = new ArrayList<>(1);
    int wanted;

    Watch(Descriptor descriptor, long number) {
      this.descriptor = descriptor;
      this.number = number;
    }

    int wantedTogether() {
      int together = 0;
      for (Registration registration : registrations) {
        together |= registration.events;
      }
      return together;
    }
  }

  /** One interest in one descriptor. It is over once its callback ran or it was cancelled. */
  public final class Registration {
    private final Watch watch;
    private final int events;
    private final Callback callback;

    private Registration(Watch watch, int events, Callback callback) {
      this.watch = watch;
      this.events = events;
      this.callback = callback;
    }

    /**
     * Ends this registration. On any thread, the callback's own included.
     *
     * @return true if the callback will not run; false if it has run, is running, or this was
     *     cancelled before
     */
    public boolean cancel() {
      boolean cancelled;
      boolean last = false;
      lock.lock();
      try {
        cancelled = watch.registrations.remove(this);
        if (cancelled) {
          last = settle(watch);
        }
      } finally {
        lock.unlock();
      }
      if (last) {
        watch.descriptor.endHold();
      }
      return cancelled;
    }

    private void run(int happened) {
      try {
        callback.ready(happened);
      } catch (Throwable e) { // the others wait for this thread, too
        LOG.log(Level.ERROR, "a callback of " + watch.descriptor + " threw", e);
      }
    }
  }

  /** A registration whose callback is to run. */
  private record Due(Registration registration, int happened) {}

  private static final class OfThisProcess {
    static final Poller POLLER = new Poller("dmabuf4j-poller");
  }

  private final String name;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final Map<Integer, Watch> byDescriptor = new HashMap<>();
  private final Map<Long, Watch> byNumber = new HashMap<>();
  private long lastNumber = WAKE;
  private @Nullable Descriptor epoll;
  private @Nullable Descriptor wake;
  private boolean ended;

  /**
   * Creates a poller without a thread.
   *
   * @param name of its thread to be
   */
  Poller(String name) {
    this.name = name;
  }

  /**
   * The one that all share. It is never closed, and doesn't keep the JVM alive.
   *
   * @return the same at each call
   */
  public static Poller ofThisProcess() {
    return OfThisProcess.POLLER;
  }

  // ---- looking ----

  /**
   * Looks whether a descriptor is ready, without waiting.
   *
   * @param descriptor which
   * @param events {@link #IN}, {@link #OUT} or both
   * @return those of the events that are, and what is of {@link #FAILED}; 0 if nothing is. A plain
   *     file is always ready
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws DmaBufException if the kernel has no memory to look (ENOMEM)
   */
  public static int look(Descriptor descriptor, int events) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment wanted = pollfd.allocate(arena);
      pollfd.events(wanted, (short) events);
      int result =
          descriptor.use(
              fd -> {
                pollfd.fd(wanted, fd);
                return Restarted.call(() -> Syscalls.poll(wanted, 1, 0));
              });
      SyscallFailure.check("poll", descriptor.toString(), result);
      return pollfd.revents(wanted);
    }
  }

  // ---- being told ----

  /**
   * Calls back once, when a descriptor is ready: maybe before this returns. Several may be
   * interested in the same descriptor.
   *
   * @param descriptor which; it stays open until the registration is over, even if its owner closes
   *     it: only what its owner hasn't closed is open in the callback
   * @param events {@link #IN}, {@link #OUT} or both; each will do
   * @param callback what to run
   * @return what can be cancelled
   * @throws IllegalArgumentException if it is a descriptor that can't be waited for, such as a
   *     plain file's (EPERM)
   * @throws IllegalStateException if the descriptor was detached or closed, or this poller was
   * @throws DmaBufException if the first registration finds no descriptor left (EMFILE), or the
   *     kernel has no room (ENOSPC, ENOMEM): names the limit
   */
  public Registration register(Descriptor descriptor, int events, Callback callback) {
    if (!descriptor.tryHold()) {
      throw new IllegalStateException("wanted an open descriptor to wait for, got " + descriptor);
    }
    boolean holdIsUsed = false;
    lock.lock();
    try {
      Descriptor open = start();
      Watch watch = byDescriptor.get(descriptor.heldNumber());
      boolean fresh = watch == null;
      if (watch == null) {
        watch = new Watch(descriptor, ++lastNumber);
      }
      Registration registration = new Registration(watch, events, callback);
      watch.registrations.add(registration);
      boolean added = false;
      try {
        control(
            open,
            fresh ? linux_h.EPOLL_CTL_ADD() : linux_h.EPOLL_CTL_MOD(),
            watch,
            watch.wantedTogether());
        added = true;
      } finally {
        if (!added) {
          watch.registrations.remove(registration);
        }
      }
      if (fresh) {
        byDescriptor.put(descriptor.heldNumber(), watch);
        byNumber.put(watch.number, watch);
        holdIsUsed = true;
      }
      return registration;
    } finally {
      lock.unlock();
      if (!holdIsUsed) { // the watch that is there has one
        descriptor.endHold();
      }
    }
  }

  /** Has epoll want what the registrations want; or nothing any more: then true. Lock held. */
  private boolean settle(Watch watch) {
    Descriptor open = epoll;
    if (open == null) {
      return false; // whoever ended the poller has let go of all
    }
    int together = watch.wantedTogether();
    boolean over = watch.registrations.isEmpty();
    if (over) {
      byDescriptor.remove(watch.descriptor.heldNumber());
      byNumber.remove(watch.number);
    } else if (together == watch.wanted) {
      return false;
    }
    try {
      control(open, over ? linux_h.EPOLL_CTL_DEL() : linux_h.EPOLL_CTL_MOD(), watch, together);
    } catch (DmaBufException e) { // somebody closed the number behind its owner's back
      LOG.log(Level.WARNING, "what was waited for is gone: " + watch.descriptor, e);
    }
    return over;
  }

  private static void control(Descriptor epoll, int operation, Watch watch, int events) {
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment event = EpollEvent.allocateArray(1, arena);
      EpollEvent.events(event, events);
      EpollEvent.data(event, watch.number);
      int fd = watch.descriptor.heldNumber();
      result = epoll.use(own -> Syscalls.epollControl(own, operation, fd, event));
    }
    if (result < 0) {
      throw refusal(watch.descriptor, -result);
    }
    watch.wanted = events;
  }

  private static RuntimeException refusal(Descriptor descriptor, int number) {
    SyscallFailure failure = new SyscallFailure("epoll_ctl", descriptor.toString(), number);
    return switch (Errno.of(number).orElse(Errno.EIO)) {
      case EPERM ->
          new IllegalArgumentException(
              "wanted a descriptor that can be waited for, such as a fence's or a socket's; %s is none: plain files are always ready"
                  .formatted(descriptor));
      case ENOSPC ->
          failure.exception(
              "raise it: sysctl fs.epoll.max_user_watches; or wait for fewer at once");
      default -> failure.exception();
    };
  }

  // ---- the thread ----

  /** Begins the thread, the first time. Lock held. */
  private Descriptor start() {
    if (ended) {
      throw new IllegalStateException(name + " was closed, or broke");
    }
    Descriptor present = epoll;
    if (present != null) {
      return present;
    }
    Descriptor fresh =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.DEVICE,
            name,
            "epoll_create1",
            () -> Syscalls.epollCreate(linux_h.EPOLL_CLOEXEC()));
    Descriptor bell = null;
    boolean started = false;
    try {
      bell = EventCounter.create(Descriptor.Kind.DEVICE, name);
      control(fresh, linux_h.EPOLL_CTL_ADD(), new Watch(bell, WAKE), IN);
      Thread.ofPlatform()
          .name(name)
          .daemon()
          .inheritInheritableThreadLocals(false)
          .start(() -> run(fresh));
      started = true;
    } finally {
      if (!started) {
        fresh.close();
        if (bell != null) {
          bell.close();
        }
      }
    }
    epoll = fresh;
    wake = bell;
    return fresh;
  }

  private void run(Descriptor open) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment events = EpollEvent.allocateArray(BATCH, arena);
      List<Due> due = new ArrayList<>();
      List<Watch> over = new ArrayList<>();
      while (!hasEnded()) {
        int count = open.use(fd -> Syscalls.epollWait(fd, events, BATCH, -1));
        if (count != -linux_h.EINTR()) {
          take(events, SyscallFailure.check("epoll_wait", name, count), due, over);
          tell(due, over);
        }
      }
    } catch (Throwable e) {
      LOG.log(Level.ERROR, name + " broke: whoever waits is told so", e);
    } finally {
      end(open);
    }
  }

  private boolean hasEnded() {
    lock.lock();
    try {
      return ended;
    } finally {
      lock.unlock();
    }
  }

  /** Takes off their lists whom some events concern. */
  private void take(MemorySegment events, int count, List<Due> due, List<Watch> over) {
    lock.lock();
    try {
      for (int i = 0; i < count; i++) {
        MemorySegment event = EpollEvent.at(events, i);
        int happened = EpollEvent.events(event);
        Watch watch = byNumber.get(EpollEvent.data(event));
        if (watch == null) {
          continue; // cancelled since, or the bell
        }
        watch.registrations.removeIf(
            registration -> {
              int mine = happened & (registration.events | FAILED);
              return mine != 0 && due.add(new Due(registration, mine));
            });
        if (settle(watch)) {
          over.add(watch);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Without the lock: users' code runs, and descriptors are closed. */
  private static void tell(List<Due> due, List<Watch> over) {
    over.forEach(watch -> watch.descriptor.endHold());
    due.forEach(one -> one.registration.run(one.happened));
    due.clear();
    over.clear();
  }

  private void end(Descriptor open) {
    List<Due> due = new ArrayList<>();
    List<Watch> over;
    Descriptor bell;
    lock.lock();
    try {
      ended = true;
      over = new ArrayList<>(byNumber.values());
      for (Watch watch : over) {
        watch.registrations.forEach(registration -> due.add(new Due(registration, 0)));
        watch.registrations.clear();
      }
      byDescriptor.clear();
      byNumber.clear();
      bell = wake;
      epoll = null;
      wake = null;
    } finally {
      lock.unlock();
    }
    open.close();
    if (bell != null) {
      bell.close();
    }
    tell(due, over);
  }

  /**
   * Ends the thread. Whoever is registered is told so, with 0 events. Closing again does nothing.
   */
  @Override
  public void close() {
    lock.lock();
    try {
      ended = true;
      Descriptor bell = wake;
      if (bell != null) {
        EventCounter.add(bell, 1);
      }
    } finally {
      lock.unlock();
    }
  }

  /** How many descriptors are waited for, for tests. */
  int watches() {
    lock.lock();
    try {
      return byNumber.size();
    } finally {
      lock.unlock();
    }
  }

  // ---- waiting ----

  /**
   * Waits until a descriptor is ready. Parks the thread: a virtual one gives its carrier free.
   *
   * @param descriptor which
   * @param events {@link #IN}, {@link #OUT} or both; each will do, and so does {@link #FAILED}
   * @param nanos how long at most, in nanoseconds; 0 or less only looks
   * @return false if the time was up first
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if the descriptor was detached or closed before, or this poller
   *     is closed meanwhile
   * @throws DmaBufException as {@link #register} does
   */
  public boolean await(Descriptor descriptor, int events, long nanos) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    return look(descriptor, events) != 0
        || (nanos > 0 && new PollerWait(this, nanos).await(descriptor, events));
  }

  /**
   * Waits as {@link #await} does, not interruptibly: an interrupt is kept for later.
   *
   * @param descriptor which
   * @param events {@link #IN}, {@link #OUT} or both; each will do, and so does {@link #FAILED}
   * @param nanos how long at most, in nanoseconds; 0 or less only looks
   * @return false if the time was up first
   * @throws IllegalStateException as {@link #await} does
   * @throws DmaBufException as {@link #register} does
   */
  public boolean awaitUninterruptibly(Descriptor descriptor, int events, long nanos) {
    return look(descriptor, events) != 0
        || (nanos > 0 && new PollerWait(this, nanos).awaitUninterruptibly(descriptor, events));
  }

  @Override
  public String toString() {
    return name;
  }
}
