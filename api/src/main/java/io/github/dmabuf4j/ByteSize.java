package io.github.dmabuf4j;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sizes in bytes as people write them: {@code 4096}, {@code 64KiB}, {@code 256MiB}, {@code 1.5GiB},
 * {@code 100MB}.
 */
public final class ByteSize {
  private static final Pattern FORM =
      Pattern.compile(
          "(\\d{1,19})(?:\\.(\\d{1,6}))?\\s*(B|[KMGT]i?B|[KMGT])?", Pattern.CASE_INSENSITIVE);

  private ByteSize() {}

  /**
   * Reads a size. {@code KiB} and {@code K} are 1024 bytes, {@code KB} is 1000.
   *
   * @param text a number and a unit; without a unit it is bytes
   * @return bytes, at least 0
   * @throws IllegalArgumentException if the text has another form or the size doesn't fit a long
   */
  public static long parse(String text) {
    Matcher matcher = FORM.matcher(text.strip());
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "wanted a size such as 4096, 64KiB or 256MiB, got \"%s\"".formatted(text));
    }
    String fraction = matcher.group(2);
    java.math.BigDecimal number =
        new java.math.BigDecimal(matcher.group(1) + (fraction == null ? "" : "." + fraction));
    String unit = matcher.group(3) == null ? "B" : matcher.group(3).toUpperCase(Locale.ROOT);
    int power = "BKMGT".indexOf(unit.charAt(0));
    long base = unit.length() == 2 ? 1000 : 1024;
    try {
      return number
          .multiply(java.math.BigDecimal.valueOf(base).pow(power))
          .toBigInteger()
          .longValueExact();
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "wanted a size below 8 EiB, got \"%s\"".formatted(text), e);
    }
  }

  /**
   * Writes a size in the largest unit that keeps it exact or has at most one decimal.
   *
   * @param bytes a size
   * @return for example {@code 64 KiB}
   */
  public static String format(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = bytes;
    int unit = 0;
    while (Math.abs(value) >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return value == Math.rint(value)
        ? (long) value + " " + units[unit]
        : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }

  /**
   * Writes a size exactly, and what that is in a larger unit, for messages.
   *
   * @param bytes a size
   * @return for example {@code 65536 B (64 KiB)}
   */
  public static String exact(long bytes) {
    return bytes + (bytes < 1024 ? " B" : " B (" + format(bytes) + ")");
  }
}
