package io.github.dmabuf4j.device;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.KernelSyncObject;
import io.github.dmabuf4j.device.linux.KernelSyncObject.State;
import io.github.dmabuf4j.device.linux.Poller;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Whoever waits for points of one syncobj: one descriptor for all of them, a counter to which the
 * kernel adds 1 for each point that it was asked about, once that is reached.
 *
 * <p><b>Invariant.</b> {@code pending} has the points that are waited for, and who does. While
 * there is one, the kernel has been asked about the lowest of them, and the poller watches the
 * counter; or the thread that makes it so holds the lock, or is going to try again. A waiter is
 * told once: by whoever takes it out. The kernel is asked about each pending point once: what it
 * has yet to add to the counter is as many as there are pending points with {@code isAsked}, and
 * {@code unheard}. Where more was added than for points that are taken out, somebody has reset the
 * syncobj, and the kernel is asked again about as many of the lowest points.
 *
 * <p><b>Trust.</b> What woke the thread counts for nothing: whether points are reached is asked.
 * Others may signal, reset or replace points at any time, and so wake the thread for nothing, each
 * time for a request of their own, or have a point of theirs unheard of. They have the syncobj,
 * never the counter. Each time it is woken the thread of the poller asks a bounded number of
 * questions and tells a bounded number of waiters, before it goes on to what others wait for. How
 * long the kernel takes for an answer depends on how many points and waiters they have made.
 *
 * <p><b>Threads.</b> Any. Waiters are told on the thread of the {@link Poller}, in the order of
 * their points, with no lock held, also of points that it could look at only late; or on that of
 * whoever closes this.
 */
final class PointWaits implements Poller.Callback, AutoCloseable {
  private static final System.Logger LOG = System.getLogger(PointWaits.class.getName());

  /** Who waits for a point. Told one of the two, once. */
  interface Waiter {
    /** The point is reached. */
    void reached();

    /** Nobody will hear of the point any more. */
    void lost();
  }

  /** The most waiters that are told before others who use the poller have their turn. */
  static final int MOST_AT_ONCE = 64;

  /** A point that is waited for: by whom, and whether the kernel was asked about it. */
  private static final class Awaited {
    final Deque<Waiter> waiters = new ArrayDeque<>(1);
    boolean isAsked;
  }

  private final KernelSyncObject timeline;
  private final String name;
  private final Poller poller;
  private final ReentrantLock lock = new ReentrantLock();

  /**
   * Whom the poller's thread is about to tell: its own. Has room for all of them from the first.
   */
  private final List<Waiter> reached = new ArrayList<>(MOST_AT_ONCE);

  // Guarded by the lock.
  private final TreeMap<Long, Awaited> pending = new TreeMap<>(Long::compareUnsigned);
  private int waiters;
  private @Nullable Descriptor counter;
  private Poller.@Nullable Registration registration;
  private boolean isWatched;

  /** What is going to be added for points that aren't pending; below 0 between two steps. */
  private long unheard;

  private boolean closed;

  /**
   * Waits for none yet.
   *
   * @param timeline whose points; stays the caller's, who closes this first
   * @param name who waits, for reports
   */
  PointWaits(KernelSyncObject timeline, String name) {
    this(timeline, name, Poller.ofThisProcess());
  }

  /** The same with a poller that may fail. */
  PointWaits(KernelSyncObject timeline, String name, Poller poller) {
    this.timeline = timeline;
    this.name = name;
    this.poller = poller;
  }

  /**
   * Has a waiter told when a point is reached; maybe before this returns, on another thread.
   *
   * @throws IllegalStateException if this is closed
   * @throws io.github.dmabuf4j.DmaBufException if no descriptor is left for the first one (EMFILE),
   *     or the kernel has no room (ENOSPC, ENOMEM): the waiter isn't told then
   */
  void add(long point, Waiter waiter) {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("%s are closed".formatted(name));
      }
      pending.computeIfAbsent(point, number -> new Awaited()).waiters.add(waiter);
      waiters++;
      boolean isWaitedFor = false;
      try {
        await();
        isWaitedFor = true;
      } finally {
        if (!isWaitedFor) {
          remove(point, waiter);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** How many wait. */
  int waiters() {
    lock.lock();
    try {
      return waiters;
    } finally {
      lock.unlock();
    }
  }

  /** How often the kernel is going to add to the counter, for tests. */
  long asked() {
    lock.lock();
    try {
      return unheard + pending.values().stream().filter(point -> point.isAsked).count();
    } finally {
      lock.unlock();
    }
  }

  private void remove(long point, Waiter waiter) {
    Awaited those = pending.get(point);
    if (those != null && those.waiters.remove(waiter)) {
      waiters--;
      removeIfEmpty(point, those);
    }
  }

  private void removeIfEmpty(Long point, Awaited those) {
    if (those.waiters.isEmpty()) {
      pending.remove(point);
      unheard += those.isAsked ? 1 : 0;
    }
  }

  /** Has the thread woken for the lowest point. Lock held. */
  private void await() {
    Descriptor present = counter;
    if (present == null) {
      present = EventCounter.create(Descriptor.Kind.FENCE, name);
      counter = present;
    }
    forgetWhatWasReset();
    Long lowest = pending.firstKey();
    Awaited those = pending.get(lowest);
    if (those != null && !those.isAsked) {
      timeline.whenReached(lowest, present);
      those.isAsked = true;
    }
    watch(present);
  }

  /** What was added for points that aren't reached won't be added again. Lock held. */
  private void forgetWhatWasReset() {
    if (unheard < 0) {
      for (Awaited those : pending.values()) {
        if (those.isAsked && unheard < 0) {
          those.isAsked = false;
          unheard++;
        }
      }
      unheard = Math.max(unheard, 0);
    }
  }

  /** Lock held. */
  private void watch(Descriptor present) {
    if (!isWatched) {
      registration = poller.register(present, Poller.IN, this);
      isWatched = true;
    }
  }

  /** Has the poller's thread look again, when it has told others. Lock held. */
  private void ring(Descriptor present) {
    watch(present);
    unheard += EventCounter.add(present, 1) ? 1 : 0;
  }

  @Override
  public void ready(int events) {
    boolean isOver = events == 0;
    lock.lock();
    try {
      isWatched = false;
      if (!isOver && !closed) {
        takeReached();
      }
    } catch (RuntimeException | Error e) {
      isOver = isNotTriedAgain("looking at points for", e);
    } finally {
      lock.unlock();
    }
    for (int i = 0; i < reached.size(); i++) {
      tell(reached.get(i), true);
    }
    reached.clear();
    if (isOver) {
      tellAll();
    }
  }

  /** Takes out whose points are reached, and waits for the rest. Lock held. */
  private void takeReached() {
    Descriptor present = counter;
    if (present == null || pending.isEmpty()) {
      return;
    }
    unheard -= EventCounter.take(present);
    Progress progress = new Progress();
    while (reached.size() < MOST_AT_ONCE
        && !pending.isEmpty()
        && progress.hasReached(pending.firstKey())) {
      reached.add(takeFirst());
    }
    if (reached.size() == MOST_AT_ONCE && !pending.isEmpty()) {
      ring(present);
    } else if (!pending.isEmpty()) {
      await();
    }
  }

  /** How far the timeline is: one question for all points that came in order. */
  private final class Progress {
    private long last = timeline.lastSignaled();
    private int questions = MOST_AT_ONCE;

    boolean hasReached(long point) {
      if (Long.compareUnsigned(point, last) <= 0) {
        return true;
      }
      if (questions == 0 || timeline.look(point) != State.REACHED) {
        return false;
      }
      questions--;
      last = point;
      return true;
    }
  }

  /** Takes the first one out, who is there. Needs no Java heap. Lock held. */
  private Waiter takeFirst() {
    Long lowest = pending.firstKey();
    Awaited those = Objects.requireNonNull(pending.get(lowest));
    Waiter first = those.waiters.remove();
    waiters--;
    removeIfEmpty(lowest, those);
    return first;
  }

  // ---- where that fails ----

  private boolean isNotTriedAgain(String what, Throwable failure) {
    if (Failures.isShortage(failure) && isTriedLater()) {
      return false;
    }
    Failures.log(LOG, what, name, failure);
    return true;
  }

  private boolean isTriedLater() {
    try {
      DeviceTimer.later(this::lookAgain, name);
      return true;
    } catch (RuntimeException | Error e) { // no Java heap, no thread
      return false;
    }
  }

  /**
   * On the timer: has the poller look again, for callbacks of users run on its thread. Where that
   * can't be, and no later either, the waiters are told here that nothing will be heard.
   */
  private void lookAgain() {
    boolean isOver = false;
    lock.lock();
    try {
      Descriptor present = counter;
      if (present != null && !pending.isEmpty()) {
        ring(present);
      }
    } catch (RuntimeException | Error e) {
      isOver = isNotTriedAgain("waiting again for", e);
    } finally {
      lock.unlock();
    }
    if (isOver) {
      tellAll();
    }
  }

  private void tell(Waiter waiter, boolean isReached) {
    try {
      if (isReached) {
        waiter.reached();
      } else {
        waiter.lost();
      }
    } catch (RuntimeException | Error e) { // the others wait to be told
      Failures.log(LOG, "telling whoever waits for a point of", name, e);
    }
  }

  // ---- the end ----

  /** Tells all who wait now: of points that are reached so, the rest that nothing will be heard. */
  private void tellAll() {
    Progress progress = progress();
    boolean isReached = progress != null;
    for (int left = waiters(); left > 0; left--) {
      Waiter waiter;
      lock.lock();
      try {
        if (pending.isEmpty()) {
          return;
        }
        isReached = isReached && hasReached(progress, pending.firstKey());
        waiter = takeFirst();
      } finally {
        lock.unlock();
      }
      tell(waiter, isReached);
    }
  }

  private @Nullable Progress progress() {
    try {
      return waiters() == 0 ? null : new Progress();
    } catch (RuntimeException | Error e) { // closed, or no memory to look
      return null;
    }
  }

  private static boolean hasReached(@Nullable Progress progress, long point) {
    try {
      return progress != null && progress.hasReached(point);
    } catch (RuntimeException | Error e) { // closed, or no memory to look
      return false;
    }
  }

  /**
   * Tells all, whatever is thrown meanwhile: whose points are reached so, and the rest that nothing
   * will be heard any more. Closing again does nothing.
   */
  @Override
  public void close() {
    lock.lock();
    try (Descriptor _ = counter) {
      closed = true;
      Poller.Registration present = registration;
      registration = null;
      if (present != null) {
        boolean _ = present.cancel();
      }
    } finally {
      lock.unlock();
      tellAll();
    }
  }
}
