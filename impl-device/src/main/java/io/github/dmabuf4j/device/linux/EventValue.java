package io.github.dmabuf4j.device.linux;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

  private EventValue() {}

  /**
   * The number now.
   *
   * @param descriptor any
   * @return the number, unsigned, 0 while there is none; empty if the descriptor is neither a
   *     timer's nor a counter's
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws UncheckedIOException if {@code /proc} can't be read
   */
  public static OptionalLong of(Descriptor descriptor) {
    Map<String, String> found = new HashMap<>();
    int _ =
        descriptor.use(
            fd -> {
              read(fd, found);
              return 0;
            });
    String count = found.get(COUNT);
    if (count != null) {
      return OptionalLong.of(Long.parseUnsignedLong(count, 16));
    }
    String ticks = found.get(TICKS);
    return ticks == null
        ? OptionalLong.empty()
        : OptionalLong.of(ofTimer(Long.parseUnsignedLong(ticks), found.get(INTERVAL)));
  }

  private static void read(int fd, Map<String, String> into) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/fdinfo", Integer.toString(fd)))) {
        int colon = line.indexOf(':');
        if (colon > 0) {
          into.put(line.substring(0, colon), line.substring(colon + 1).strip());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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
