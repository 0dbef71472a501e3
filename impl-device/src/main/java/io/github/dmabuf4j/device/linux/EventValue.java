package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.itimerspec;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.timespec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;

/**
 * The number behind an {@link EventTimer} or an {@link EventCounter}, ours or another process's.
 *
 * <p><b>How it is read.</b> A timer's as the kernel tells how it is set, a counter's as it tells in
 * {@code /proc}: that changes nothing, and doesn't sleep. Reading the file itself would take the
 * number away from all others who have it, and would wait where one of them was faster.
 *
 * <p><b>Invariant.</b> Nothing is asked of a descriptor before it is known to be a timer's or a
 * counter's, but what it is: the kernel says that of any file without calling the file's own code.
 * For what {@code /proc} tells of an {@code epoll}, and for polling one, the kernel takes a mutex
 * that whoever has it can hold for as long as he likes.
 *
 * <p><b>Threads.</b> Any; there is no state.
 *
 * <p>Source: fs/timerfd.c, fs/eventfd.c, fs/eventpoll.c; design rule DV5.
 */
public final class EventValue {
  private static final String COUNTER = "anon_inode:[eventfd]";
  private static final String COUNT = "eventfd-count:";

  /** What is no number that was set here. */
  private static final long MEANS_NOTHING = -1;

  /** More than {@code /proc} says of a counter. */
  private static final int MOST_TEXT = 1024;

  private EventValue() {}

  /**
   * The number now.
   *
   * @param descriptor any
   * @return the number, unsigned, 0 while there is none; empty if the descriptor is neither a
   *     timer's nor a counter's
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws DmaBufException if it is a counter's and {@code /proc} can't be read, for which a
   *     descriptor has to be left (EMFILE, ENFILE)
   */
  public static OptionalLong of(Descriptor descriptor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment setting = itimerspec.allocate(arena);
      if (isTimer(descriptor, setting)) {
        return OptionalLong.of(ofTimer(descriptor, setting));
      }
      MemorySegment text = arena.allocate(MOST_TEXT);
      int length =
          descriptor.use(fd -> FileName.of(fd).equals(COUNTER) ? information(fd, text) : -1);
      return length < 0
          ? OptionalLong.empty()
          : count(text.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  // ---- timers ----

  /** A file that was opened as a path alone counts as none here (EBADF). */
  private static boolean isTimer(Descriptor descriptor, MemorySegment setting) {
    int result = descriptor.use(fd -> Syscalls.timerfdGettime(fd, setting));
    return result != -linux_h.EINVAL()
        && result != -linux_h.EBADF()
        && SyscallFailure.check("timerfd_gettime", descriptor.toString(), result) == 0;
  }

  /**
   * What {@link EventTimer} has set. The setting is looked at after the timer has run out: one that
   * was read before may be that of a timer that wasn't set yet.
   */
  private static long ofTimer(Descriptor timer, MemorySegment setting) {
    if ((Poller.look(timer, Poller.IN) & Poller.IN) == 0 || !isTimer(timer, setting)) {
      return 0;
    }
    MemorySegment interval = itimerspec.it_interval(setting);
    long seconds = timespec.tv_sec(interval);
    boolean isWhole = timespec.tv_nsec(interval) == 0 && seconds % EventTimer.SECONDS_OF_ONE == 0;
    return isWhole ? 1 + seconds / EventTimer.SECONDS_OF_ONE : MEANS_NOTHING;
  }

  // ---- counters ----

  /** The first of what {@code /proc} says of a descriptor; returns how much that is. */
  private static int information(int fd, MemorySegment into) {
    String path = "/proc/self/fdinfo/" + fd;
    int flags = linux_h.O_RDONLY() | linux_h.O_CLOEXEC();
    int file = SyscallFailure.check("open", path, Restarted.call(() -> Syscalls.open(path, flags)));
    try {
      return (int)
          SyscallFailure.check("read", path, Restarted.callLong(() -> Syscalls.read(file, into)));
    } finally {
      int _ = Syscalls.close(file);
    }
  }

  /** Empty where other things are said first, such as locks, or it was opened as a path. */
  private static OptionalLong count(byte[] text) {
    return new String(text, StandardCharsets.US_ASCII)
        .lines()
        .filter(line -> line.startsWith(COUNT))
        .mapToLong(line -> Long.parseUnsignedLong(line.substring(COUNT.length()).strip(), 16))
        .findFirst();
  }
}
