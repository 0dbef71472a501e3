package io.github.dmabuf4j.offheap;

import com.sun.management.OperatingSystemMXBean;
import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.HeapUri;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The options of a heap, as a {@link HeapUri} says them.
 *
 * <table>
 * <caption>Options</caption>
 * <tr><th>option</th><th>form</th><th>default</th></tr>
 * <tr><td>limit</td><td>a {@link ByteSize} of at least one page</td><td>a quarter of the memory that this process may have: of the machine's,
 *   or of its cgroup's limit if that is less</td></tr>
 * <tr><td>pinned</td><td>a {@link ByteSize}: 0, so that nothing can be pinned, or at least one page; more than the limit is the limit</td><td>the
 *   limit</td></tr>
 * <tr><td>contiguous</td><td>a {@link ByteSize}, the size of the contiguous region: 0, or at least one page and at most
 *   the limit</td><td>0, for none</td></tr>
 * <tr><td>user</td><td>a {@link ByteSize}: how much memory of others may be stolen or backed at once, 0 for none</td><td>the limit</td></tr>
 * <tr><td>decay</td><td>for example {@code 500ms}, {@code 10s}, {@code 2m}; at least 2 ms; above 292 years
 *   means never</td><td>10 s</td></tr>
 * <tr><td>retained</td><td>a {@link ByteSize}, the most that is kept idle; more goes back within a second</td><td>no limit but the
 *   heap's and {@link RetainedBytes the process's}</td></tr>
 * <tr><td>zeroing</td><td>{@code demand}: a block is zeroed by the allocation that wants zeros; {@code background}: also while it lies
 *   idle, by the heap's timer, within a second</td><td>demand</td></tr>
 * <tr><td>hugepages</td><td>{@code true}: blocks of 2 MiB and more, and the contiguous region, lie at multiples of 2 MiB and ask the
 *   operating system for huge pages; on Linux only</td><td>false</td></tr>
 * <tr><td>swap</td><td>the name of a {@link io.github.dmabuf4j.spi.SwapStore}: where the content of buffers goes that are evicted; what it
 *   wants to know itself are options {@code swap-…}. A part of the limit is kept free for it, see {@link SwapSpace}</td><td>none: nothing is
 *   evicted</td></tr>
 * <tr><td>low-watermark, high-watermark</td><td>a {@link ByteSize} each: with less than the first free memory is reclaimed in the
 *   background, until the second is; 0 for never, else the second is at least the first and below the limit, less the contiguous region and what is kept
 *   free for the store</td><td>with a store a 64th and a 32nd of that, else 0</td></tr>
 * <tr><td>pressure</td><td>{@code heed}: memory pressure from the operating system makes the heap give memory back, see {@link
 *   PressureReclaim}; {@code ignore}: it doesn't</td><td>heed</td></tr>
 * <tr><td>strategy</td><td>the name of a {@link io.github.dmabuf4j.spi.PoolingStrategy}; one that isn't the heap's own goes with
 *   no contiguous, decay, retained, zeroing or hugepages: the heap has no region then and keeps nothing idle</td><td>dmabuf4j, the heap's own pool</td></tr>
 * </table>
 *
 * @param limit the most bytes to commit, a multiple of {@link SizeClasses#PAGE}
 * @param pinned the most bytes to be pinned at once, a multiple of the same, at most the limit
 * @param contiguous the size of the contiguous region, a multiple of the same, at most the limit; 0
 *     for none
 * @param user the most bytes of user memory, exactly; they don't count against the limit
 * @param retention what becomes of idle blocks
 * @param hugePages whether to ask for huge pages
 * @param strategy where the memory of buffers comes from
 * @param swap where evicted content goes; null for nowhere
 * @param watermarks when memory is reclaimed in the background
 * @param heedsPressure whether memory goes back under memory pressure
 */
record HeapOptions(
    long limit,
    long pinned,
    long contiguous,
    long user,
    Retention retention,
    boolean hugePages,
    String strategy,
    @Nullable Swap swap,
    Watermarks watermarks,
    boolean heedsPressure) {
  /**
   * A store.
   *
   * @param store its name
   * @param options its own
   */
  record Swap(String store, Map<String, String> options) {
    private static final String PREFIX = "swap-";

    static @Nullable Swap of(Map<String, String> options) {
      String store = options.get("swap");
      if (store != null) {
        return new Swap(store, ownOptions(options));
      }
      options.keySet().stream()
          .filter(option -> option.startsWith(PREFIX))
          .findFirst()
          .ifPresent(
              option -> {
                throw new IllegalArgumentException(
                    option
                        + ": this is for a store, and there is none: add swap=…, or leave it out");
              });
      return null;
    }

    private static Map<String, String> ownOptions(Map<String, String> options) {
      Map<String, String> own = new TreeMap<>();
      options.forEach(
          (option, value) -> {
            if (option.startsWith(PREFIX)) {
              own.put(option.substring(PREFIX.length()), value);
            }
          });
      return own;
    }
  }

  /** What the heap's own pool alone can do, and the values that ask for nothing. */
  private static final Map<String, String> OF_THE_OWN_POOL =
      Map.of(
          "contiguous",
          "0",
          "decay",
          "",
          "retained",
          "",
          "zeroing",
          "demand",
          "hugepages",
          "false");

  private static final String LOW = "low-watermark";
  private static final String HIGH = "high-watermark";
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

  /** Without a contiguous region; heeds no memory pressure. */
  HeapOptions(long limit, long pinned, Duration decay) {
    this(limit, pinned, 0, decay);
  }

  /** With the heap's own pool, and as much user memory as the limit; heeds no memory pressure. */
  HeapOptions(long limit, long pinned, long contiguous, Duration decay) {
    this(
        limit,
        pinned,
        contiguous,
        limit,
        Retention.of(decay),
        false,
        Strategies.OWN,
        null,
        Watermarks.NONE,
        false);
  }

  /** Whether memory comes from the heap's own pool. */
  boolean isOwnPool() {
    return strategy.equals(Strategies.OWN);
  }

  static HeapOptions of(HeapUri uri) {
    Set<String> known = new HashSet<>(OF_THE_OWN_POOL.keySet());
    known.addAll(List.of("limit", "pinned", "user", "strategy", "swap", "pressure", LOW, HIGH));
    Map<String, String> options = uri.options();
    options.keySet().stream().filter(option -> option.startsWith("swap-")).forEach(known::add);
    uri.requireOptions(known);
    String strategy = options.getOrDefault("strategy", Strategies.OWN);
    checkStrategy(strategy, options);
    long limit = limit(uri);
    long contiguous = contiguous(options.get("contiguous"), limit);
    return new HeapOptions(
        limit,
        pinned(options.get("pinned"), limit),
        contiguous,
        user(options.get("user"), limit),
        retention(options),
        choice(options, "hugepages", "false", "true"),
        strategy,
        Swap.of(options),
        watermarks(options, limit, contiguous),
        !choice(options, "pressure", "heed", "ignore"));
  }

  /**
   * At most what can be free of a limit, less what the region has: else memory would be reclaimed
   * for ever.
   */
  private static Watermarks watermarks(Map<String, String> options, long limit, long contiguous) {
    boolean hasStore = options.containsKey("swap");
    long most = Math.max(0, limit - contiguous - (hasStore ? SwapSpace.reserveOf(limit) : 0));
    String low = options.get(LOW);
    String high = options.get(HIGH);
    Watermarks usual = hasStore ? Watermarks.ofLimit(most) : Watermarks.NONE;
    long lowBytes = low == null ? usual.low() : parseSize(LOW, low);
    long twice = lowBytes > most / 2 ? most - 1 : 2 * lowBytes;
    long highBytes = high == null ? Math.max(lowBytes, twice) : parseSize(HIGH, high);
    if (lowBytes > highBytes || (highBytes > 0 && (highBytes >= most || lowBytes == 0))) {
      throw new IllegalArgumentException(
          "%s, %s: wanted two sizes below %d B, which is the limit without the contiguous region and what is kept free for the store, of which the first isn't larger; or 0 for both; got %d B and %d B"
              .formatted(LOW, HIGH, most, lowBytes, highBytes));
    }
    return new Watermarks(lowBytes, highBytes);
  }

  private static Retention retention(Map<String, String> options) {
    String retained = options.get("retained");
    return new Retention(
        decay(options.get("decay")),
        retained == null ? Long.MAX_VALUE : parseSize("retained", retained),
        choice(options, "zeroing", "demand", "background"));
  }

  /** Whether an option has the second of its two values; the first one is the default. */
  private static boolean choice(
      Map<String, String> options, String option, String first, String second) {
    String text = options.getOrDefault(option, first);
    if (!text.equals(first) && !text.equals(second)) {
      throw new IllegalArgumentException(
          "%s: wanted %s or %s, got \"%s\"".formatted(option, first, second, text));
    }
    return text.equals(second);
  }

  private static void checkStrategy(String strategy, Map<String, String> options) {
    if (strategy.equals(Strategies.OWN)) {
      return;
    }
    OF_THE_OWN_POOL.forEach(
        (option, nothing) -> {
          if (!options.getOrDefault(option, nothing).equals(nothing)) {
            throw new IllegalArgumentException(
                "%s: this is for the heap's own pool, and with strategy=%s the heap has no region and keeps nothing idle: leave out one of the two"
                    .formatted(option, strategy));
          }
        });
  }

  private static long contiguous(@Nullable String text, long limit) {
    if (text == null) {
      return 0;
    }
    long bytes = parseSize("contiguous", text);
    if (bytes > limit || (bytes > 0 && bytes < SizeClasses.PAGE)) {
      throw new IllegalArgumentException(
          "contiguous: wanted 0, or at least one page, %d B, and at most the limit, %d B, which it counts against; got %s"
              .formatted(SizeClasses.PAGE, limit, text));
    }
    return bytes & -SizeClasses.PAGE;
  }

  private static long limit(HeapUri uri) {
    String text = uri.options().get("limit");
    long limit = text == null ? defaultLimit() : parseSize("limit", text);
    if (limit < SizeClasses.PAGE) {
      throw new IllegalArgumentException(
          "wanted a limit of at least one page, %d B, got %s".formatted(SizeClasses.PAGE, text));
    }
    return limit & -SizeClasses.PAGE;
  }

  /** Without the option a pin fails for no other reason than the limit itself: never. */
  private static long pinned(@Nullable String text, long limit) {
    if (text == null) {
      return limit;
    }
    long pinned = parseSize("pinned", text);
    if (pinned > 0 && pinned < SizeClasses.PAGE) {
      throw new IllegalArgumentException(
          "pinned: wanted 0, or at least one page, %d B, got %s".formatted(SizeClasses.PAGE, text));
    }
    return Math.min(limit, pinned & -SizeClasses.PAGE);
  }

  /** Not rounded: what is stolen needs no whole pages. */
  private static long user(@Nullable String text, long limit) {
    return text == null ? limit : parseSize("user", text);
  }

  private static long parseSize(String option, String text) {
    try {
      return ByteSize.parse(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(option + ": " + e.getMessage(), e);
    }
  }

  /** A quarter of what the JVM sees as its machine, which heeds cgroups. */
  static long defaultLimit() {
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    return Math.max(SizeClasses.PAGE, system.getTotalMemorySize() / 4);
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
