package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.ByteSize;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The options of a store, as they stand in a heap's URI without {@code swap-}.
 *
 * <p>Immutable.
 */
final class StoreOptions {
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

  private final String prefix;
  private final Map<String, String> values;

  /**
   * Reads options.
   *
   * @param prefix what stands before their names in the URI, for messages
   * @param values by name
   * @param known the names there are
   * @throws IllegalArgumentException if there is another one
   */
  StoreOptions(String prefix, Map<String, String> values, Set<String> known) {
    this.prefix = prefix;
    this.values = Map.copyOf(values);
    Set<String> unknown = new TreeSet<>(values.keySet());
    unknown.removeAll(known);
    if (!unknown.isEmpty()) {
      Set<String> wanted = new TreeSet<>();
      known.forEach(name -> wanted.add(prefix + name));
      Set<String> came = new TreeSet<>();
      unknown.forEach(name -> came.add(prefix + name));
      throw new IllegalArgumentException("wanted options of %s, got %s".formatted(wanted, came));
    }
  }

  /** Splits off those that begin with a prefix, without it. */
  static Map<String, String> withPrefix(Map<String, String> values, String prefix) {
    Map<String, String> found = new TreeMap<>();
    values.forEach(
        (name, value) -> {
          if (name.startsWith(prefix)) {
            found.put(name.substring(prefix.length()), value);
          }
        });
    return found;
  }

  boolean has(String name) {
    return values.containsKey(name);
  }

  String text(String name, String otherwise) {
    return values.getOrDefault(name, otherwise);
  }

  /** One of several words. */
  String choice(String name, String otherwise, Set<String> words) {
    String text = text(name, otherwise);
    if (!words.contains(text)) {
      throw wrong(name, "one of " + new TreeSet<>(words), text);
    }
    return text;
  }

  /** A size of at least a page, in whole pages. */
  long pages(String name, long otherwise) {
    String text = values.get(name);
    if (text == null) {
      return otherwise;
    }
    long bytes;
    try {
      bytes = ByteSize.parse(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(prefix + name + ": " + e.getMessage(), e);
    }
    if (bytes < Slices.PAGE) {
      throw wrong(name, "at least one page, %d B".formatted(Slices.PAGE), text);
    }
    return bytes / Slices.PAGE * Slices.PAGE;
  }

  /** A time. */
  Duration duration(String name, Duration otherwise) {
    String text = values.get(name);
    if (text == null) {
      return otherwise;
    }
    Matcher matcher = DURATION.matcher(text.strip());
    if (!matcher.matches()) {
      throw wrong(name, "a time such as 500ms, 30s or 5m", text);
    }
    return UNITS
        .getOrDefault(matcher.group(2), Duration.ZERO)
        .multipliedBy(Long.parseLong(matcher.group(1)));
  }

  /** What to throw for a bad value. */
  IllegalArgumentException wrong(String name, String wanted, String came) {
    return new IllegalArgumentException(
        "%s%s: wanted %s, got \"%s\"".formatted(prefix, name, wanted, came));
  }
}
