package io.github.dmabuf4j.device;

import com.sun.management.OperatingSystemMXBean;
import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.HeapUri;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The options of a heap, as a {@link HeapUri} says them.
 *
 * <table>
 * <caption>Options</caption>
 * <tr><th>option</th><th>form</th><th>default</th></tr>
 * <tr><td>limit</td><td>a {@link ByteSize} of at least one page: the most bytes that are committed</td><td>a quarter of the memory
 *   that this process may have: of the machine's, or of its cgroup's limit if that is less</td></tr>
 * <tr><td>pinned</td><td>a {@link ByteSize}: the most bytes that are pinned at once; 0, so that nothing can be pinned, or at least one
 *   page; more than the limit is the limit</td><td>the limit</td></tr>
 * <tr><td>decay</td><td>for example {@code 500ms}, {@code 10s}, {@code 2m}, at least 2 ms: how long idle files are kept</td><td>10 s</td></tr>
 * <tr><td>retained</td><td>a {@link ByteSize}: the most that is kept idle</td><td>the limit</td></tr>
 * <tr><td>mappings</td><td>a {@link ByteSize}: how many bytes of files stay mapped that nobody uses, idle ones included; 0 for none</td><td>
 *   a quarter of the limit</td></tr>
 * </table>
 *
 * @param limit in bytes, whole pages
 * @param pinned in bytes, whole pages, at most the limit
 * @param decay a positive time
 * @param retained in bytes
 * @param mappings in bytes
 */
record DeviceOptions(long limit, long pinned, Duration decay, long retained, long mappings) {
  private static final Set<String> NAMES =
      Set.of("limit", "pinned", "decay", "retained", "mappings");
  private static final Duration DEFAULT_DECAY = Duration.ofSeconds(10);
  private static final Duration SHORTEST_DECAY = Duration.ofMillis(2);
  private static final Pattern DURATION = Pattern.compile("(\\d{1,9})\\s*(ms|s|m|h)");
  private static final Map<String, Duration> UNITS =
      Map.of(
          "ms",
          Duration.ofMillis(1),
          "s",
          Duration.ofSeconds(1),
          "m",
          Duration.ofMinutes(1),
          "h",
          Duration.ofHours(1));

  /**
   * Reads the options of a heap.
   *
   * @param uri the heap, with its options
   * @param pageSize that of its files, in bytes
   * @throws IllegalArgumentException if an option is unknown or its value is bad: says what is
   *     wanted
   */
  static DeviceOptions of(HeapUri uri, long pageSize) {
    Map<String, String> options = uri.requireOptions(NAMES).options();
    long limit = size(options, "limit", defaultLimit()) & -pageSize;
    if (limit < pageSize) {
      throw new IllegalArgumentException(
          "limit: wanted at least one page, %d B, got %s"
              .formatted(pageSize, options.get("limit")));
    }
    long pinned = size(options, "pinned", limit);
    if (pinned > 0 && pinned < pageSize) {
      throw new IllegalArgumentException(
          "pinned: wanted 0, or at least one page, %d B, got %s"
              .formatted(pageSize, options.get("pinned")));
    }
    return new DeviceOptions(
        limit,
        Math.min(limit, pinned & -pageSize),
        decay(options.get("decay")),
        size(options, "retained", limit),
        size(options, "mappings", limit / 4));
  }

  /** With a limit, and else what is usual. */
  static DeviceOptions ofLimit(long limit) {
    return new DeviceOptions(limit, limit, DEFAULT_DECAY, limit, limit / 4);
  }

  private static long size(Map<String, String> options, String option, long usual) {
    String text = options.get(option);
    try {
      return text == null ? usual : ByteSize.parse(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(option + ": " + e.getMessage(), e);
    }
  }

  /** A quarter of what the JVM sees as its machine, which heeds cgroups. */
  private static long defaultLimit() {
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    return Math.max(1 << 20, system.getTotalMemorySize() / 4);
  }

  private static Duration decay(@Nullable String text) {
    if (text == null) {
      return DEFAULT_DECAY;
    }
    Matcher matcher = DURATION.matcher(text.strip());
    if (matcher.matches()) {
      Duration unit = UNITS.getOrDefault(matcher.group(2), Duration.ZERO);
      Duration decay = unit.multipliedBy(Long.parseLong(matcher.group(1)));
      if (decay.compareTo(SHORTEST_DECAY) >= 0) {
        return decay;
      }
    }
    throw new IllegalArgumentException(
        "decay: wanted a time of at least 2ms such as 500ms, 10s or 2m, got \"%s\""
            .formatted(text));
  }
}
