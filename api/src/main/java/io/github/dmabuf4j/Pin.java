package io.github.dmabuf4j;

/**
 * Keeps a buffer where it is for a use that can't follow moves and has no end in sight, such as
 * scan-out (design rule PN4). Use in flight is said with fences, and the CPU's with {@link Hold}s:
 * a hold is short and only makes reclaim pass by, a pin is counted against a limit, refuses advice,
 * and may first move the buffer to where it can stay.
 *
 * <p>Made by {@link DmaBuf#pin}. A pin owns a reference: the buffer lives at least as long.
 *
 * <p><b>Threads.</b> Taken and closed under the buffer's reservation (design rule PN1), by any
 * thread that holds it.
 *
 * <p>Source: dma_buf_pin; rules CM1 to CM4, CG1.
 */
public final class Pin implements AutoCloseable {
  /** How long a pin is meant to last. */
  public enum Term {
    /** For an operation, for example a transfer by a device that can't follow moves. */
    SHORT,
    /** Without end, for example scan-out or a registration with a device (design rule PN6). */
    LONG
  }

  private final BufferObject object;
  private final Term term;
  private final Reservation reservation;
  private volatile boolean closed;

  private Pin(BufferObject object, Term term) {
    this.object = object;
    this.reservation = object.reservationForUser();
    this.term = term;
  }

  /** Pins for a caller that has taken a reference for it; gives it back on failure. */
  static Pin take(BufferObject object, Term term) {
    try {
      object.reservation().assertHeld("pin");
      Pin pin = new Pin(object, term); // first: the heap may be full
      object.pinLocked(term);
      return pin;
    } catch (Throwable e) {
      object.put();
      throw e;
    }
  }

  /**
   * How long this pin is meant to last.
   *
   * @return what was asked for
   */
  public Term term() {
    return term;
  }

  /**
   * Lets the buffer move again once no other pin is left. Closing again does nothing.
   *
   * @throws IllegalStateException if the calling thread doesn't hold the buffer's reservation
   */
  @Override
  public void close() {
    if (closed) {
      return; // the memory may be somebody else's by now
    }
    reservation.assertHeld("unpin");
    closed = true;
    new RunAll().run(() -> object.unpinLocked(term)).run(object::put).finish();
  }
}
