package io.github.dmabuf4j.device.linux;

import java.util.concurrent.locks.LockSupport;

/**
 * One thread's wait for one descriptor. It parks until the descriptor is ready or the time is up.
 *
 * <p><b>Invariant.</b> The registration stands from before the first park to the end of the wait,
 * and {@code happened} is set before the thread is unparked: no event is missed. {@code
 * interrupted} is the waiting thread's own.
 */
final class PollerWait implements Poller.Callback {
  private static final int NOTHING_YET = -1;

  private final Poller poller;
  private final Thread thread = Thread.currentThread();
  private final long nanos;
  private final long start = System.nanoTime();
  private volatile int happened = NOTHING_YET;
  private boolean interrupted;

  PollerWait(Poller poller, long nanos) {
    this.poller = poller;
    this.nanos = nanos;
  }

  @Override
  public void ready(int events) {
    happened = events;
    LockSupport.unpark(thread);
  }

  boolean await(Descriptor descriptor, int events) throws InterruptedException {
    boolean ready = await(poller.register(descriptor, events, this), true);
    if (interrupted) {
      if (!ready) {
        throw new InterruptedException();
      }
      thread.interrupt(); // it came together with the event: kept for later
    }
    return ready;
  }

  boolean awaitUninterruptibly(Descriptor descriptor, int events) {
    try {
      return await(poller.register(descriptor, events, this), false);
    } finally {
      if (interrupted) {
        thread.interrupt();
      }
    }
  }

  private boolean await(Poller.Registration registration, boolean interruptible) {
    while (happened == NOTHING_YET) {
      long left = nanos - (System.nanoTime() - start);
      if (left <= 0 || (interrupted && interruptible)) {
        if (registration.cancel()) {
          return false;
        }
        break; // it is ready, and about to be told so
      }
      LockSupport.parkNanos(this, left);
      interrupted |= Thread.interrupted();
    }
    if (happened == 0) {
      throw new IllegalStateException(poller + " was closed, or broke");
    }
    return true;
  }

  @Override
  public String toString() {
    return "a wait with " + poller;
  }
}
