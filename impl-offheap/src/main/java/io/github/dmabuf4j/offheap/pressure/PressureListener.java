package io.github.dmabuf4j.offheap.pressure;

/**
 * Somebody who can give memory back under pressure.
 *
 * <p><b>Threads.</b> Called by the thread of the {@link PressureWatch} alone, with its lock held by
 * nobody, and has to be quick: work goes to another thread.
 */
public interface PressureListener {
  /** Whether it wants to hear more. Once false it is forgotten. */
  boolean isNeeded();

  /**
   * There is pressure.
   *
   * @param source where it shows
   */
  void pressure(PressureSource source);
}
