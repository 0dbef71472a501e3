package io.github.dmabuf4j.offheap.pressure;

import java.nio.file.Path;

/**
 * The system calls that a trigger needs. Each returns its result or the negative error number.
 *
 * <p><b>Threads.</b> Any.
 */
interface TriggerCalls {
  /** There is something urgent: the trigger has fired. */
  int POLLPRI = 0x02;

  /** The trigger is gone, with its cgroup. */
  int POLLERR = 0x08;

  /** Those of the C library on Linux. Not to be touched elsewhere. */
  static TriggerCalls linux() {
    return LinuxTriggerCalls.INSTANCE;
  }

  /** Opens a file for reading and writing, without blocking, closed on exec: a descriptor. */
  int open(Path file);

  /** Writes text that ends with a zero byte: how many bytes were written. */
  int write(int descriptor, String text);

  /**
   * Waits for {@link #POLLPRI}.
   *
   * @param millis for how long at most
   * @return the events, 0 if there were none in time
   */
  int poll(int descriptor, int millis);

  /** Closes a descriptor, whatever it returns. */
  int close(int descriptor);
}
