package io.github.dmabuf4j;

import java.util.Objects;

/**
 * What {@link Reservation}s are locked together, and who gives way when two {@link AcquireContext}s
 * want the same one ({@code struct ww_class}). A context locks reservations of its own class only.
 *
 * <p>The buffers of all heaps are of one class, {@link #DEFAULT}, so that any of them can be locked
 * together (rule CR15); nobody but a test, or somebody who uses the locks without the buffers,
 * needs another.
 *
 * <table>
 * <caption>Who gives way, where the one that asks holds other locks of its context (rule CW7)</caption>
 * <tr><th></th><th>the younger asks, the older holds</th><th>the older asks, the younger holds</th></tr>
 * <tr><td>wait-die</td><td>the younger backs off at once</td><td>the older waits</td></tr>
 * <tr><td>wound-wait</td><td>the younger waits</td><td>the older waits; the younger is <i>wounded</i> and backs off when it next has
 *   to wait, if it does</td></tr>
 * </table>
 *
 * <p>Wound-wait backs off less often, wait-die has to tell nobody. Both let the oldest context
 * through, and a context that tries again keeps its age, so everybody becomes the oldest in time.
 *
 * <p>Immutable; compared by identity.
 */
public final class ReservationClass {
  /** The class of all buffers: wait-die, as {@code reservation_ww_class} of the kernel. */
  public static final ReservationClass DEFAULT = waitDie("reservation");

  private final String name;
  private final boolean waitDie;

  /** These reservations as the validator sees them. */
  final LockClass validated;

  private ReservationClass(String name, boolean waitDie) {
    this.name = Objects.requireNonNull(name, "name");
    this.waitDie = waitDie;
    this.validated = LockClass.ofReservations(name);
  }

  /**
   * A new class whose younger contexts back off where they would wait for older ones ({@code
   * DEFINE_WD_CLASS}).
   *
   * @param name for messages
   * @return a class that no reservation belongs to yet
   */
  public static ReservationClass waitDie(String name) {
    return new ReservationClass(name, true);
  }

  /**
   * A new class whose older contexts make younger ones that are in their way back off ({@code
   * DEFINE_WW_CLASS}).
   *
   * @param name for messages
   * @return a class that no reservation belongs to yet
   */
  public static ReservationClass woundWait(String name) {
    return new ReservationClass(name, false);
  }

  /**
   * The name.
   *
   * @return as it was given
   */
  public String name() {
    return name;
  }

  /**
   * Which rule it has.
   *
   * @return true for wait-die, false for wound-wait
   */
  public boolean isWaitDie() {
    return waitDie;
  }

  @Override
  public String toString() {
    return "class %s (%s)".formatted(name, waitDie ? "wait-die" : "wound-wait");
  }
}
