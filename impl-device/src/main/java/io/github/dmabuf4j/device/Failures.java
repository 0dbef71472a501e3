package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What failed, where nobody can be told by an exception.
 *
 * <p><b>Threads.</b> Any; there is no state.
 */
final class Failures {
  /** What may be there again in a while. */
  private static final Set<Errno> SHORTAGE = EnumSet.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM);

  private Failures() {}

  /**
   * Whether something was only short: who tries again later may succeed.
   *
   * @param failure what was thrown
   * @return true for want of Java heap, of memory or of a descriptor
   */
  static boolean isShortage(Throwable failure) {
    return failure instanceof OutOfMemoryError
        || (failure instanceof DmaBufException known
            && known.errno().filter(SHORTAGE::contains).isPresent());
  }

  /**
   * The number of a fence's error, as another process is told.
   *
   * @param error why work was given up
   * @return a Linux error number: that of the error, or {@link Errno#ECANCELED}
   */
  static int number(Throwable error) {
    return error instanceof DmaBufException known
        ? known.errno().orElse(Errno.ECANCELED).number()
        : Errno.ECANCELED.number();
  }

  /**
   * Does something with each, whatever is thrown for another; throws the first of that in the end.
   *
   * @param all with what
   * @param action what is done
   * @param <T> of what kind they are
   */
  static <T> void forEach(Iterable<? extends T> all, Consumer<? super T> action) {
    Throwable failure = null;
    for (T each : all) {
      try {
        action.accept(each);
      } catch (RuntimeException | Error e) {
        failure = failure == null ? e : failure;
      }
    }
    if (failure instanceof Error error) {
      throw error;
    } else if (failure != null) {
      throw (RuntimeException) failure;
    }
  }

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
