package io.github.dmabuf4j;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What lies where in a {@link ContiguousRegion}: as data, to be drawn, and as text, a character per
 * run of pages.
 *
 * <pre>
 *   64.0 MiB, 65536 B a character, 19.2 MiB free, 4.0 MiB of it in one piece
 *   mmmmmmmm.m..mmmmmm!mm....CCCCCCCC..mm
 *   . free  m movable  ! movable, pinned  C contiguous  # contiguous, pinned for long  ~ on the way
 * </pre>
 *
 * <p>Immutable: a snapshot of one instant, but for what is pinned.
 *
 * @param byteSize the size of the region
 * @param runs all of it, in the order of addresses, without gaps; neighbours may be of one kind
 */
public record FragmentationMap(long byteSize, List<Run> runs) {
  /** How many characters {@link #toString} has at most. */
  private static final int WIDTH = 1024;

  private static final int LINE = 64;

  private static final String LEGEND =
      Stream.of(Use.values())
          .map(use -> use.sign + " " + use.legend)
          .collect(Collectors.joining("  "));

  /** What a run is used for. In the order in which a character stands for the most telling. */
  public enum Use {
    /** Nobody has it. */
    FREE('.', "free"),
    /** A movable buffer lies there. */
    MOVABLE('m', "movable"),
    /**
     * Nobody uses it, but it is being cleared for somebody, or is the place that a buffer goes to.
     */
    RESERVED('~', "on the way"),
    /** A movable buffer lies there that is pinned for a short time. */
    PINNED('!', "movable, pinned"),
    /** A buffer lies there that is never moved. */
    CONTIGUOUS('C', "contiguous"),
    /** The same, pinned for a long term: nothing can be had there for good. */
    LONG_PINNED('#', "contiguous, pinned for long");

    private final char sign;
    private final String legend;

    Use(char sign, String legend) {
      this.sign = sign;
      this.legend = legend;
    }

    /**
     * What stands for it in the text.
     *
     * @return a character
     */
    public char sign() {
      return sign;
    }

    /**
     * What it is, in a few words.
     *
     * @return words for a legend
     */
    public String legend() {
      return legend;
    }
  }

  /**
   * A range of one use.
   *
   * @param byteOffset of the first byte in the region
   * @param byteSize how many bytes
   * @param use what it is used for
   */
  public record Run(long byteOffset, long byteSize, Use use) {
    private long end() {
      return byteOffset + byteSize;
    }
  }

  /**
   * Copies the list.
   *
   * @param byteSize the size of the region
   * @param runs all of it
   */
  public FragmentationMap {
    runs = List.copyOf(runs);
  }

  /**
   * The bytes of a use.
   *
   * @param use which
   * @return bytes
   */
  public long bytes(Use use) {
    return runs.stream().filter(run -> run.use == use).mapToLong(Run::byteSize).sum();
  }

  /**
   * The longest range that nobody has.
   *
   * @return bytes, 0 if there is none
   */
  public long largestFree() {
    long largest = 0;
    long current = 0;
    for (Run run : runs) {
      current = run.use == Use.FREE ? current + run.byteSize : 0;
      largest = Math.max(largest, current);
    }
    return largest;
  }

  /**
   * How much of what is free is of no use to a request for all of it: 0 if it is in one piece, near
   * 1 if it is in crumbs.
   *
   * @return the share of the free bytes that lie outside the longest free range; 0 if nothing is
   *     free
   */
  public double fragmentation() {
    long free = bytes(Use.FREE);
    return free == 0 ? 0 : 1.0 - (double) largestFree() / free;
  }

  /**
   * A character for each stretch of some bytes: that of the use which has most of it, but pins and
   * contiguous buffers always show.
   *
   * @param bytesPerCharacter the length of a stretch, at least 1
   * @return as many characters as it takes, in one line
   * @throws IllegalArgumentException if the length isn't positive, or there would be more than an
   *     array holds
   */
  public String text(long bytesPerCharacter) {
    if (bytesPerCharacter < 1 || Math.ceilDiv(byteSize, bytesPerCharacter) > 1 << 24) {
      throw new IllegalArgumentException(
          "wanted a number of bytes per character so that there are at most 2^24, got "
              + bytesPerCharacter);
    }
    StringBuilder text = new StringBuilder();
    int first = 0;
    for (long from = 0; from < byteSize; from += bytesPerCharacter) {
      long to = Math.min(byteSize, from + bytesPerCharacter);
      while (runs.get(first).end() <= from) {
        first++;
      }
      text.append(use(first, from, to).sign);
    }
    return text.toString();
  }

  private Use use(int first, long from, long to) {
    Map<Use, Long> shares = new EnumMap<>(Use.class);
    for (int i = first; i < runs.size() && runs.get(i).byteOffset < to; i++) {
      Run run = runs.get(i);
      long share = Math.min(to, run.end()) - Math.max(from, run.byteOffset);
      shares.merge(run.use, share, Long::sum);
    }
    Use most = Use.FREE;
    long mostBytes = -1;
    for (Map.Entry<Use, Long> entry : shares.entrySet()) {
      boolean tells = entry.getKey().compareTo(Use.PINNED) >= 0;
      if (tells || (entry.getValue() >= mostBytes && most.compareTo(Use.PINNED) < 0)) {
        most = entry.getKey();
        mostBytes = entry.getValue();
      }
    }
    return most;
  }

  /** Some lines of text, with a legend. */
  @Override
  public String toString() {
    long step = 4096;
    while (Math.ceilDiv(byteSize, step) > WIDTH) {
      step *= 2;
    }
    String all = text(step);
    StringBuilder lines =
        new StringBuilder(
            "%s, %d B a character, %s free, %s of it in one piece"
                .formatted(
                    ByteSize.format(byteSize),
                    step,
                    ByteSize.format(bytes(Use.FREE)),
                    ByteSize.format(largestFree())));
    for (int from = 0; from < all.length(); from += LINE) {
      lines.append('\n').append(all, from, Math.min(all.length(), from + LINE));
    }
    return lines.append('\n').append(LEGEND).toString();
  }
}
