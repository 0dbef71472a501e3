package io.github.dmabuf4j.offheap;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Who goes through all stripes of a {@link Magazine} and mustn't miss a block that was there when
 * it began.
 *
 * <p><b>Invariant: no block moves past a patient look.</b> A look begins here, and then sets the
 * flag of each stripe in turn. Who moves a block from one stripe to another sets the flags of both,
 * and then reads {@code underWay}. For the flag of the stripe that the block goes to, and likewise
 * for the other one, either the look came first, and then its release of the flag and the mover's
 * acquire make the raised count visible to the mover, who leaves the block where it is; or the
 * mover did, and the look finds the block where it went. So a move wakes nobody: it hides nothing
 * from those who wait for memory.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th></tr>
 * <tr><td>underWay</td><td>volatile</td><td>atomic add</td></tr>
 * </table>
 */
final class PatientLooks {
  private static final VarHandle UNDER_WAY;

  static {
    try {
      UNDER_WAY =
          MethodHandles.lookup()
              .findVarHandle(PatientLooks.class, "underWay", int.class)
              .withInvokeExactBehavior();
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @SuppressWarnings("UnusedVariable") // by UNDER_WAY
  private volatile int underWay;

  /** Before the first flag is set. */
  void begin() {
    int _ = (int) UNDER_WAY.getAndAdd(this, 1);
  }

  /** After the last one was given back. */
  void end() {
    int _ = (int) UNDER_WAY.getAndAdd(this, -1);
  }

  /** Whether blocks have to stay where they are; for those who own both stripes. */
  boolean areUnderWay() {
    return underWay != 0;
  }
}
