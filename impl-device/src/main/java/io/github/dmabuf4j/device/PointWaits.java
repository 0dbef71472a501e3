package io.github.dmabuf4j.device;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.KernelSyncObject;
import io.github.dmabuf4j.device.linux.KernelSyncObject.State;
import io.github.dmabuf4j.device.linux.Poller;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Whoever waits for points of one syncobj: one descriptor for all of them, a counter that the
 * kernel raises when the lowest point is reached.
 *
 * <p><b>Invariant.</b> {@code pending} has the points that are waited for, and who does. While
 * there is one, the kernel has been asked to raise the counter for the lowest of them or one below
 * ({@code armed}), and the poller watches the counter; or the thread that makes it so holds the
 * lock, or is going to try again. A waiter is told once: by whoever takes it out.
 *
 * <p><b>Trust.</b> What woke the thread counts for nothing: each point is looked at. Others may
 * signal, reset or replace points at any time, and so wake the thread for nothing, each time for a
 * request of their own. They have the syncobj, never the counter.
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

  private final KernelSyncObject timeline;
  private final String name;
  private final Poller poller;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final TreeMap<Long, List<Waiter>> pending = new TreeMap<>(Long::compareUnsigned);
  private int waiters;
  private @Nullable Descriptor counter;
  private Poller.@Nullable Registration registration;
  private boolean isWatched;
  private boolean isArmed;
  private long armed;
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
      pending.computeIfAbsent(point, number -> new ArrayList<>(1)).add(waiter);
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

  private void remove(long point, Waiter waiter) {
    List<Waiter> others = pending.get(point);
    if (others != null && others.remove(waiter)) {
      waiters--;
      if (others.isEmpty()) {
        pending.remove(point);
      }
    }
  }

  /** Has the thread woken for the lowest point. Lock held. */
  private void await() {
    Descriptor present = counter;
    if (present == null) {
      present = EventCounter.create(Descriptor.Kind.FENCE, name);
      counter = present;
    }
    long lowest = pending.firstKey();
    if (!isArmed || Long.compareUnsigned(lowest, armed) < 0) {
      timeline.whenReached(lowest, present);
      armed = lowest;
      isArmed = true;
    }
    watch(present);
  }

  /** Lock held. */
  private void watch(Descriptor present) {
    if (!isWatched) {
      registration = poller.register(present, Poller.IN, this);
      isWatched = true;
    }
  }

  @Override
  public void ready(int events) {
    List<Waiter> reached = new ArrayList<>();
    List<Waiter> lost = new ArrayList<>();
    lock.lock();
    try {
      isWatched = false;
      if (events == 0) {
        takeAll(lost);
      } else if (!closed) {
        takeReached(reached);
      }
    } catch (RuntimeException | Error e) {
      if (!Failures.isShortage(e) || !isTriedLater()) {
        Failures.log(LOG, "looking at points for", name, e);
        takeAll(lost);
      }
    } finally {
      lock.unlock();
    }
    reached.forEach(waiter -> tell(waiter::reached));
    lost.forEach(waiter -> tell(waiter::lost));
  }

  /** Takes out whose points are reached, and waits for the rest. Lock held. */
  private void takeReached(List<Waiter> reached) {
    if (counter != null && EventCounter.take(counter) != 0) {
      isArmed = false;
    }
    while (!pending.isEmpty() && timeline.look(pending.firstKey()) == State.REACHED) {
      List<Waiter> those = pending.firstEntry().getValue();
      reached.addAll(those);
      pending.pollFirstEntry();
      waiters -= those.size();
    }
    if (!pending.isEmpty()) {
      await();
    }
  }

  private void takeAll(List<Waiter> lost) {
    pending.values().forEach(lost::addAll);
    pending.clear();
    waiters = 0;
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
    List<Waiter> lost = new ArrayList<>();
    lock.lock();
    try {
      Descriptor present = counter;
      if (present != null && !pending.isEmpty()) {
        watch(present);
        boolean _ = EventCounter.add(present, 1);
      }
    } catch (RuntimeException | Error e) {
      if (!Failures.isShortage(e) || !isTriedLater()) {
        Failures.log(LOG, "waiting again for", name, e);
        takeAll(lost);
      }
    } finally {
      lock.unlock();
    }
    lost.forEach(waiter -> tell(waiter::lost));
  }

  private void tell(Runnable call) {
    try {
      call.run();
    } catch (RuntimeException | Error e) { // the others wait to be told
      Failures.log(LOG, "telling whoever waits for a point of", name, e);
    }
  }

  /**
   * Tells all that nothing will be heard any more, whatever is thrown meanwhile. Closing again does
   * nothing.
   */
  @Override
  public void close() {
    List<Waiter> lost = new ArrayList<>();
    lock.lock();
    try (Descriptor _ = counter) {
      closed = true;
      takeAll(lost);
      Poller.Registration present = registration;
      registration = null;
      if (present != null) {
        boolean _ = present.cancel();
      }
    } finally {
      lock.unlock();
      lost.forEach(waiter -> tell(waiter::lost));
    }
  }
}
