package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.itimerspec;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.timespec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A number in the kernel that is set once, behind a descriptor that is readable from then on and
 * may be given to a process that isn't trusted: a timer that is set to have run out ({@code
 * timerfd}). {@link EventValue} reads it.
 *
 * <p><b>Invariant.</b> Setting the number doesn't sleep, whatever others do with the descriptor; it
 * takes time in proportion to how many wait for it. The kernel needs the timer's spin locks alone,
 * which nobody holds while copying or sleeping; there is no room that could be used up, and no flag
 * of the descriptor that changes this. (With {@code PREEMPT_RT} spin locks sleep, and so may the
 * cancelling of the timer, for as long as its expiry takes.) It isn't so for an eventfd, whose
 * writer waits for room once somebody has cleared {@code O_NONBLOCK}, which all duplicates share;
 * nor for a pipe, whose writer waits for the reader's mutex.
 *
 * <p><b>The number.</b> A timer that hasn't run out is 0; one that has is 1, and one more for each
 * {@value #SECONDS_OF_ONE} seconds of its interval. How often it ran out, which needs eleven days
 * for a second time, doesn't count.
 *
 * <p>Who has a duplicate may read or set the timer: it then tells a lie to those who have
 * duplicates of the same timer, and to nobody else. So each process gets its own.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: fs/timerfd.c; design rules FN6, DV5.
 */
public final class EventTimer {
  /** What stands for one in the interval, in seconds: eleven days. */
  static final long SECONDS_OF_ONE = 1_000_000;

  private EventTimer() {}

  /**
   * Makes a number of 0.
   *
   * @param kind what for
   * @param holder who will have it, as a report names it
   * @return its descriptor, close-on-exec and non-blocking for those who read it
   * @throws DmaBufException if no descriptor is left (EMFILE, ENFILE), or no memory (ENOMEM)
   */
  public static Descriptor create(Descriptor.Kind kind, String holder) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        kind,
        holder,
        "timerfd_create",
        () ->
            Syscalls.timerfdCreate(
                linux_h.CLOCK_MONOTONIC(), linux_h.TFD_CLOEXEC() | linux_h.TFD_NONBLOCK()));
  }

  /**
   * Sets the number: whoever waits for it is woken soon. Doesn't sleep.
   *
   * @param timer made by {@link #create}
   * @param value from 1 to 4096
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws DmaBufException if it is no timer
   */
  public static void set(Descriptor timer, long value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment when = itimerspec.allocate(arena);
      timespec.tv_nsec(itimerspec.it_value(when), 1);
      timespec.tv_sec(itimerspec.it_interval(when), (value - 1) * SECONDS_OF_ONE);
      int _ =
          SyscallFailure.check(
              "timerfd_settime",
              timer.toString(),
              timer.use(fd -> Syscalls.timerfdSettime(fd, when)));
    }
  }
}
