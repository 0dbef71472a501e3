package io.github.dmabuf4j.offheap;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * What a {@link Stripe} has, its fields on cache lines of their own wherever a garbage collection
 * puts it: what one thread writes all the time would slow down everybody who reads its neighbour,
 * and two stripes side by side each other. HotSpot lays the fields of a superclass out before those
 * of its subclasses, so that {@link StripePadding} and the last fields of a stripe keep others off.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>flag</td><td>opaque, before the CAS</td><td>CAS to 1 (acquire), to 0 release, or volatile off the hot paths</td><td>-</td></tr>
 * <tr><td>size</td><td>plain; opaque or plain without the flag, where a late value only costs a try or makes a figure rough</td><td>plain</td><td>flag</td></tr>
 * <tr><td>taken</td><td>plain, also without the flag, for rough figures</td><td>plain</td><td>flag</td></tr>
 * <tr><td>blocks, low, put</td><td>plain</td><td>plain</td><td>flag</td></tr>
 * </table>
 */
abstract class StripeState extends StripePadding {
  /** What to store to {@link #flag} in order to give it back. */
  static final int FREE = 0;

  private static final Block[] NONE = {};
  private static final VarHandle FLAG;
  private static final VarHandle SIZE;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      FLAG = lookup.findVarHandle(StripeState.class, "flag", int.class).withInvokeExactBehavior();
      SIZE = lookup.findVarHandle(StripeState.class, "size", int.class).withInvokeExactBehavior();
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** 1 while somebody owns the stack. Slow paths store {@link #FREE}, in a finally clause. */
  volatile int flag;

  /** How many blocks are on it. */
  int size;

  /** The fewest that were on it since the last look for a surplus. */
  int low;

  /** How many blocks were taken out for a user. */
  long taken;

  /** How many blocks came back from a user. */
  long put;

  /** The blocks, the oldest first. */
  Block[] blocks = NONE;

  /** How many blocks are on it, or were a moment ago: without the flag. */
  final int sizeAtAGlance() {
    return (int) SIZE.getOpaque(this);
  }

  /** Sets the flag, if nobody has. */
  final boolean tryLock() {
    return (int) FLAG.getOpaque(this) == FREE
        && (int) FLAG.compareAndExchangeAcquire(this, FREE, 1) == FREE;
  }

  /** For slow paths: waits for whoever is between two dozen instructions. */
  @SuppressWarnings(
      "ThreadPriorityCheck") // correct without the yield, which lets the flag's owner run
  final void lock() {
    for (int tries = 0; !tryLock(); tries++) {
      if (tries < 64) {
        Thread.onSpinWait();
      } else {
        Thread.yield(); // its thread lost its processor
      }
    }
  }

  /** For hot paths: without the fence of a volatile store. The caller catches what it throws. */
  final void unlock() {
    FLAG.setRelease(this, FREE); // the stack before the flag; partner: the acquire in tryLock
  }
}
