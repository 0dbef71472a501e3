package io.github.dmabuf4j;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * One thread's wait for one fence. It parks until the fence signals, the time is up, or the fence
 * has been silent for longer than its context allows.
 *
 * <p><b>Invariant.</b> The thread is unparked by the callback that stands in the fence's stack from
 * before the first park to the end of the wait: no signal is missed. {@code interrupted} is the
 * waiting thread's own.
 */
final class FenceWait implements Fence.Callback {
  private final Thread thread = Thread.currentThread();
  private final Fence fence;
  private final long timeoutNanos;
  private boolean interrupted;

  FenceWait(Fence fence, long timeoutNanos) {
    this.fence = fence;
    this.timeoutNanos = timeoutNanos;
  }

  @Override
  public void signaled(Fence signaledFence) {
    LockSupport.unpark(thread);
  }

  boolean await() throws InterruptedException {
    boolean signaled = await(true);
    if (interrupted) {
      if (!signaled) {
        throw new InterruptedException();
      }
      thread.interrupt(); // it came together with the signal: kept for later
    }
    return signaled;
  }

  boolean awaitUninterruptibly() {
    try {
      return await(false);
    } finally {
      if (interrupted) {
        thread.interrupt();
      }
    }
  }

  private boolean await(boolean interruptible) {
    fence.enableSignaling();
    if (timeoutNanos <= 0) {
      return fence.isSignaled();
    }
    CallbackNode node = new CallbackNode(this);
    Lockdep.beforeWait(fence, false);
    try {
      return !fence.push(node) || park(node, interruptible);
    } finally {
      Lockdep.afterWait();
    }
  }

  private boolean park(CallbackNode node, boolean interruptible) {
    long silence = fence.silenceNanos();
    long start = System.nanoTime();
    long limit = Math.min(timeoutNanos, silence);
    while (!fence.isSignaled()) {
      long left = limit - (System.nanoTime() - start);
      if (left <= 0) {
        fence.withdraw(node);
        return timeIsUp(silence);
      }
      LockSupport.parkNanos(fence, left);
      if (Thread.interrupted()) {
        interrupted = true;
        if (interruptible) {
          fence.withdraw(node);
          return fence.isSignaled();
        }
      }
    }
    return true;
  }

  private boolean timeIsUp(long silence) {
    if (silence < timeoutNanos && !fence.isSignaled()) {
      throw FenceTimeoutException.afterSilence(fence, Duration.ofNanos(silence));
    }
    return fence.isSignaled();
  }
}
