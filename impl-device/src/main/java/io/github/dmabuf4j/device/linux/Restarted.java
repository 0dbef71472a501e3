package io.github.dmabuf4j.device.linux;

import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * Calls that are made again when a signal interrupted them (design rule DV1): the JVM and profilers
 * send signals at any time. For calls that don't wait for others; one that does has to reckon the
 * time that is left, and look whether its thread was interrupted.
 */
public final class Restarted {
  private static final int EINTR = 4;

  private Restarted() {}

  /**
   * Makes a call until it isn't interrupted.
   *
   * @param call returns a result or a negative error number
   * @return the same
   */
  public static int call(IntSupplier call) {
    int result = call.getAsInt();
    while (result == -EINTR) {
      result = call.getAsInt();
    }
    return result;
  }

  /**
   * Makes a call until it isn't interrupted.
   *
   * @param call returns a result or a negative error number
   * @return the same
   */
  public static long callLong(LongSupplier call) {
    long result = call.getAsLong();
    while (result == -EINTR) {
      result = call.getAsLong();
    }
    return result;
  }
}
