package io.github.dmabuf4j.offheap.pressure;

/**
 * Somebody who can give memory back under pressure.
 *
 * <p><b>Threads.</b> Called by the thread of the {@link PressureWatch} alone, and has to be quick:
 * work goes to another thread.
 */
public interface PressureListener {
  /**
   * Whether it wants to hear more. Once false it is forgotten. Asked with the lock of the {@link
   * PressureWatch} held: takes none.
   */
  boolean isNeeded();

  /**
   * There is pressure. Called without locks.
   *
   * @param source where it shows
   */
  void pressure(PressureSource source);
}
