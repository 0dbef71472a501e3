package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.pollfd;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
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
 *   <li>A {@link Watch} holds its descriptor open while epoll may have it: the number can't be
 *       somebody else's. All of {@link Watches} changes under {@code lock} alone.
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
 * <p><b>Failures.</b> Whoever is taken off is told, whatever fails meanwhile, and needs no Java
 * heap for that. While the Java heap is full, the thread goes on as well as it can; what it could
 * not tell epoll it tells later, and a descriptor that it could not take from epoll stays open
 * until then. Anything else that is thrown ends the poller: whoever is registered is told so.
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

  /**
   * How long it sleeps while nothing happens, in milliseconds: who had no Java heap to wake it is
   * heard then.
   */
  private static final int LONGEST = 30_000;

  /** How long is waited before something is tried again, in milliseconds. */
  private static final int PAUSE = 10;

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

  /** One interest in one descriptor. It is over once its callback ran or it was cancelled. */
  public final class Registration {
    final Watch watch;
    final int events;
    private final Callback callback;

    /** The next one on the list of the watch, and whether it is there; or the next one to tell. */
    @Nullable Registration next;

    boolean isListed;

    /** What it is to be told. */
    int happened;

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
        cancelled = watch.remove(this);
        Descriptor open = epoll; // null once all are told that it ended
        last = cancelled && open != null && watches.settle(open, watch);
      } finally {
        lock.unlock();
      }
      if (last) {
        watch.descriptor.endHold();
      }
      return cancelled;
    }

    /** Doesn't fail: the others wait for this thread, too. */
    void run() {
      try {
        callback.ready(happened);
      } catch (Throwable e) {
        log("telling whoever waits for", watch.descriptor, e);
      }
    }
  }

  /** Says what failed; nothing if even that fails. */
  static void log(String what, Object subject, Throwable failure) {
    try {
      LOG.log(Level.ERROR, "%s %s failed".formatted(what, subject), failure);
    } catch (RuntimeException | Error e) {
      // Others wait for this thread.
    }
  }

  private static final class OfThisProcess {
    static final Poller POLLER = new Poller("dmabuf4j-poller");
  }

  private final String name;
  private final EpollCalls calls;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final Watches watches;
  private @Nullable Descriptor epoll;
  private @Nullable Descriptor wake;
  private boolean ended;

  /**
   * Creates a poller without a thread.
   *
   * @param name of its thread to be
   */
  Poller(String name) {
    this(name, EpollCalls.OF_THE_KERNEL);
  }

  /** The same with calls that may fail. */
  Poller(String name, EpollCalls calls) {
    this.name = name;
    this.calls = calls;
    this.watches = new Watches(calls);
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
      Watch watch = watches.of(descriptor);
      boolean fresh = !watches.has(watch);
      Registration registration = new Registration(watch, events, callback);
      try {
        watches.add(open, registration);
      } finally {
        holdIsUsed = fresh && watches.has(watch); // also if epoll may have it all the same
      }
      return registration;
    } finally {
      lock.unlock();
      if (!holdIsUsed) { // the watch that is there has one
        descriptor.endHold();
      }
    }
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
      watches.control(fresh, linux_h.EPOLL_CTL_ADD(), new Watch(bell, Watches.WAKE), IN);
      MemorySegment events = EpollEvent.allocateArray(BATCH, Arena.ofAuto());
      Thread.ofPlatform()
          .name(name)
          .daemon()
          .inheritInheritableThreadLocals(false)
          .start(() -> run(fresh, events));
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

  private void run(Descriptor open, MemorySegment events) {
    try {
      while (!hasEnded()) {
        try {
          round(open, events);
        } catch (OutOfMemoryError e) {
          pause();
        }
      }
    } catch (Throwable e) {
      log("waiting with", name, e);
    } finally {
      end(open);
    }
  }

  private static void pause() {
    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(PAUSE));
  }

  private boolean hasEnded() {
    lock.lock();
    try {
      return ended;
    } finally {
      lock.unlock();
    }
  }

  /** One round. */
  private void round(Descriptor open, MemorySegment events) {
    boolean settled = settle(open);
    if (!settled) {
      pause(); // the Java heap is full, and what epoll shouldn't report any more would come at once
    }
    Taken taken = new Taken(); // before anything is taken
    try {
      int patience = settled ? LONGEST : PAUSE;
      int count = open.use(fd -> calls.await(fd, events, BATCH, patience));
      if (count != -linux_h.EINTR()) {
        take(open, events, SyscallFailure.check("epoll_wait", name, count), taken);
      }
    } finally {
      taken.tell();
    }
  }

  /** Settles what was left; false if something is left yet. */
  private boolean settle(Descriptor open) {
    Taken over = new Taken();
    lock.lock();
    try {
      watches.settleAll(open, over);
      return !watches.isUnsettled();
    } finally {
      lock.unlock();
      over.tell();
    }
  }

  /** Takes off their lists whom some events concern. */
  private void take(Descriptor open, MemorySegment events, int count, Taken taken) {
    lock.lock();
    try {
      for (int i = 0; i < count; i++) {
        MemorySegment event = EpollEvent.at(events, i);
        Watch watch = watches.find(EpollEvent.data(event));
        if (watch != null) { // not cancelled since, and not the bell
          watch.takeDue(EpollEvent.events(event), false, taken);
          if (watches.settle(open, watch)) {
            taken.add(watch);
          }
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void end(Descriptor open) {
    Taken taken = null;
    while (taken == null) {
      try {
        taken = takeAll();
      } catch (OutOfMemoryError e) {
        pause();
      }
    }
    Descriptor bell = forgetBell();
    open.close();
    if (bell != null) {
      bell.close();
    }
    taken.tell();
  }

  private Taken takeAll() {
    Taken taken = new Taken();
    lock.lock();
    try {
      ended = true;
      watches.takeAll(taken);
      epoll = null;
      return taken;
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Descriptor forgetBell() {
    lock.lock();
    try {
      Descriptor bell = wake;
      wake = null;
      return bell;
    } finally {
      lock.unlock();
    }
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
      return watches.count();
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
