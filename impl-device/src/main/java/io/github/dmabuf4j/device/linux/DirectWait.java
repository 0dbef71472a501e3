package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.pollfd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.spi.AbstractInterruptibleChannel;

/**
 * Waits in the kernel, on the calling thread, until a descriptor is ready or a bell is rung. By way
 * of the {@link Poller} a thread is woken by another one, which was woken by the kernel; here the
 * kernel wakes it, which halves the time of a hand-over between processes. A virtual thread would
 * hold its carrier: it waits with the poller.
 *
 * <p><b>Interrupts.</b> A call in the kernel doesn't hear of them. So whoever interrupts the thread
 * rings the bell: the JDK lets a channel say what is to be done then.
 *
 * <p><b>Threads.</b> One waits at a time, any thread rings or closes.
 *
 * <p>Source: poll(2); design rules DV1, FN5.
 */
public final class DirectWait implements AutoCloseable {
  private static final int COUNT = 2;
  private static final long NANOS_PER_MILLI = 1_000_000;

  private final Descriptor bell;
  private final MemorySegment both = pollfd.allocateArray(COUNT, Arena.ofAuto());
  private final MemorySegment value = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);

  /**
   * Makes the bell.
   *
   * @param holder who waits, as a report names it
   * @throws DmaBufException if no descriptor is left (EMFILE, ENFILE)
   */
  public DirectWait(String holder) {
    bell = EventCounter.create(Descriptor.Kind.DEVICE, holder);
  }

  /** One wait that can be interrupted. */
  private final class Interruptible extends AbstractInterruptibleChannel {
    @Override
    protected void implCloseChannel() {
      ring();
    }

    void await(Descriptor descriptor, long nanos) throws InterruptedException {
      boolean done = false;
      try {
        begin();
        poll(descriptor, nanos);
        done = true;
      } finally {
        finish(done);
      }
    }

    private void finish(boolean done) throws InterruptedException {
      try {
        end(done);
      } catch (AsynchronousCloseException e) {
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
      }
    }
  }

  /**
   * Waits until a descriptor can be read, has failed, or the bell was rung; or for no reason.
   *
   * @param descriptor which
   * @param nanos how long at most, in nanoseconds
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if the descriptor or this was closed before
   * @throws DmaBufException if the kernel has no memory (ENOMEM)
   */
  public void await(Descriptor descriptor, long nanos) throws InterruptedException {
    new Interruptible().await(descriptor, nanos);
  }

  /**
   * Waits as {@link #await} does, not interruptibly.
   *
   * @param descriptor which
   * @param nanos how long at most, in nanoseconds
   * @throws IllegalStateException if the descriptor or this was closed before
   * @throws DmaBufException if the kernel has no memory (ENOMEM)
   */
  public void awaitUninterruptibly(Descriptor descriptor, long nanos) {
    poll(descriptor, nanos);
  }

  private void poll(Descriptor descriptor, long nanos) {
    int millis = (int) Math.min(Integer.MAX_VALUE, Math.ceilDiv(nanos, NANOS_PER_MILLI));
    int result = descriptor.use(fd -> bell.use(own -> poll(fd, own, millis)));
    if (result != -linux_h.EINTR()) { // then the caller looks, and waits for what is left
      SyscallFailure.check("poll", descriptor.toString(), result);
    }
  }

  private int poll(int fd, int own, int millis) {
    MemorySegment first = pollfd.asSlice(both, 0);
    pollfd.fd(first, fd);
    pollfd.events(first, (short) Poller.IN);
    MemorySegment second = pollfd.asSlice(both, 1);
    pollfd.fd(second, own);
    pollfd.events(second, (short) Poller.IN);
    int result = Syscalls.poll(both, COUNT, millis);
    if (result > 0 && pollfd.revents(second) != 0) {
      long _ = Syscalls.read(own, value); // the bell is silent again
    }
    return result;
  }

  /** Ends the wait that is going on, or else the next one. */
  public void ring() {
    try {
      boolean _ = EventCounter.add(bell, 1);
    } catch (IllegalStateException e) {
      // It is closed: nobody begins to wait any more.
    }
  }

  /** Ends the wait that is going on. Closing again does nothing. */
  @Override
  public void close() {
    ring();
    bell.close();
  }
}
