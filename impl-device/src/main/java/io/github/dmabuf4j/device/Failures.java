package io.github.dmabuf4j.device;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/** Says what failed where nobody can be told by an exception. */
final class Failures {
  private Failures() {}

  /**
   * Logs a failure. Doesn't fail itself: what can't be logged, for example because the Java heap is
   * full, isn't.
   *
   * @param log where to
   * @param what what was being done
   * @param subject to what
   * @param failure what came of it
   */
  static void log(Logger log, String what, Object subject, Throwable failure) {
    try {
      log.log(Level.ERROR, "%s %s failed".formatted(what, subject), failure);
    } catch (RuntimeException | Error e) {
      // Whoever calls this has accounts to set right.
    }
  }
}
