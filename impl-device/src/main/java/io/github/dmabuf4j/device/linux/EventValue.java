package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The number behind an {@link EventTimer} or an {@link EventCounter}, ours or another process's.
 *
 * <p><b>How it is read.</b> As the kernel tells it in {@code /proc}: that changes nothing, and
 * never waits. Reading the file itself would take the number away from all others who have it, and
 * would wait where one of them was faster.
 *
 * <p><b>Threads.</b> Any; there is no state.
 *
 * <p>Source: fs/timerfd.c, fs/eventfd.c.
 */
public final class EventValue {
  private static final String COUNT = "eventfd-count";
  private static final String TICKS = "ticks";
  private static final String INTERVAL = "it_interval";

  /** What is no number that was set here. */
  private static final long MEANS_NOTHING = -1;

  /** More than {@code /proc} says of an event. */
  private static final int MOST_TEXT = 1024;

  private EventValue() {}

  /**
   * The number now.
   *
   * @param descriptor any
   * @return the number, unsigned, 0 while there is none; empty if the descriptor is neither a
   *     timer's nor a counter's
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws DmaBufException if {@code /proc} can't be read, for which a descriptor has to be left
   *     (EMFILE, ENFILE)
   */
  public static OptionalLong of(Descriptor descriptor) {
    byte[] text = new byte[MOST_TEXT];
    int length = descriptor.use(fd -> information(fd, text));
    Map<String, String> found = fields(new String(text, 0, length, StandardCharsets.US_ASCII));
    String count = found.get(COUNT);
    if (count != null) {
      return OptionalLong.of(Long.parseUnsignedLong(count, 16));
    }
    String ticks = found.get(TICKS);
    return ticks == null
        ? OptionalLong.empty()
        : OptionalLong.of(ofTimer(Long.parseUnsignedLong(ticks), found.get(INTERVAL)));
  }

  /** The first of what {@code /proc} says of a descriptor; returns how much that is. */
  private static int information(int fd, byte[] into) {
    String path = "/proc/self/fdinfo/" + fd;
    int flags = linux_h.O_RDONLY() | linux_h.O_CLOEXEC();
    int file = SyscallFailure.check("open", path, Restarted.call(() -> Syscalls.open(path, flags)));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(into.length);
      long length =
          SyscallFailure.check("read", path, Restarted.callLong(() -> Syscalls.read(file, bytes)));
      MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, 0, into, 0, (int) length);
      return (int) length;
    } finally {
      int _ = Syscalls.close(file);
    }
  }

  private static Map<String, String> fields(String text) {
    Map<String, String> fields = new HashMap<>();
    text.lines()
        .forEach(
            line -> {
              int colon = line.indexOf(':');
              if (colon > 0) {
                fields.put(line.substring(0, colon), line.substring(colon + 1).strip());
              }
            });
    return fields;
  }

  /** The interval is what {@link EventTimer} adds to the expirations, as "(seconds, rest)". */
  private static long ofTimer(long ticks, @Nullable String interval) {
    if (ticks == 0 || interval == null || interval.equals("(0, 0)")) {
      return ticks;
    }
    String[] parts = interval.substring(1, interval.length() - 1).split(", ", 2);
    long seconds = Long.parseUnsignedLong(parts[0]);
    boolean isWhole = parts[1].equals("0") && seconds % EventTimer.SECONDS_OF_ONE == 0;
    return isWhole ? ticks + seconds / EventTimer.SECONDS_OF_ONE : MEANS_NOTHING;
  }
}
