package io.github.dmabuf4j;

/**
 * Marks code that gives memory back while somebody waits for it ({@code fs_reclaim_acquire}). There
 * fences may be waited for (design rule FN3), but reservations are only tried, and nothing is
 * allocated with a policy that may reclaim: whoever allocates may hold the reservations.
 *
 * <p>Costs nothing unless the validator is on ({@link Lockdep}); then a violation is an exception
 * at the first offending call.
 *
 * <p><b>Threads.</b> A section belongs to the thread that began it, and ends there.
 *
 * <p>Source: fs_reclaim_acquire in mm/page_alloc.c; rule CF4.
 */
public final class Reclaim implements AutoCloseable {
  private static final Reclaim UNCHECKED = new Reclaim();

  private boolean closed; // by its thread alone

  private Reclaim() {}

  /**
   * Begins a section.
   *
   * @return what ends it
   * @throws LockdepException if the validator is on and the thread must not reclaim here: it is in
   *     a {@link Signalling} section, or reclaiming already
   */
  public static Reclaim begin() {
    if (!Lockdep.isEnabled()) {
      return UNCHECKED;
    }
    HeldLocks held = HeldLocks.current();
    LockOrder.check(held, LockClass.RECLAIM, "reclaiming");
    held.add(LockClass.RECLAIM, null);
    return new Reclaim();
  }

  /**
   * Ends the section. Closing again does nothing.
   *
   * @throws LockdepException if the validator is on and the section was begun by another thread
   */
  @Override
  public void close() {
    if (this != UNCHECKED && !closed) {
      HeldLocks.current().remove(LockClass.RECLAIM, null);
      closed = true;
    }
  }
}
