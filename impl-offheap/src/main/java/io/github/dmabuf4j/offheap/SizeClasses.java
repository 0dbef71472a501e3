package io.github.dmabuf4j.offheap;

/**
 * The sizes of blocks that are pooled: 1 to 16 pages each, then sixteen steps per doubling up to 1
 * MiB, and eight from there to 64 MiB. So a block wastes at most one sixteenth above its size
 * rounded up to pages, or one eighth where it is large (design rule AL1). Larger blocks have as
 * many pages as they need and are never pooled.
 *
 * <p>A <i>page</i> is the accounting granule of {@value #PAGE} bytes here, whatever the machine's
 * pages are.
 */
final class SizeClasses {
  static final int PAGE_SHIFT = 12;
  static final long PAGE = 1L << PAGE_SHIFT;

  /** Of a block that belongs to no class. */
  static final int UNPOOLED = -1;

  /** Up to here the steps are half as large as above. */
  private static final int FINE_PAGES = 256;

  private static final int FINE_BITS = 4;
  private static final int FINE_STEPS = 1 << FINE_BITS;
  private static final int BITS = 3;

  /** How many classes there are up to {@link #FINE_PAGES}. */
  private static final int FINE_COUNT = 80;

  /** How many there would be with the larger steps from 1 page on. */
  private static final int COARSE_COUNT = 48;

  private static final int LARGEST_PAGES = 1 << (26 - PAGE_SHIFT);

  /** How many classes there are; they are numbered from 0. */
  static final int COUNT = classOf(LARGEST_PAGES) + 1;

  private SizeClasses() {}

  /** The pages that a number of bytes needs. */
  static long pages(long bytes) {
    return ((bytes - 1) >>> PAGE_SHIFT) + 1;
  }

  /** The smallest class of at least so many pages, or {@link #UNPOOLED}. */
  static int classOf(long pages) {
    if (pages > LARGEST_PAGES) {
      return UNPOOLED;
    }
    int last = (int) pages - 1;
    if (last < FINE_PAGES) {
      int shift = Math.max(0, 31 - FINE_BITS - Integer.numberOfLeadingZeros(last));
      return (shift << FINE_BITS) + (last >>> shift);
    }
    int shift = 31 - BITS - Integer.numberOfLeadingZeros(last);
    return FINE_COUNT - COARSE_COUNT + (shift << BITS) + (last >>> shift);
  }

  /** The bytes of a block of a class. */
  static long bytes(int sizeClass) {
    if (sizeClass < FINE_STEPS) {
      return (sizeClass + 1L) << PAGE_SHIFT;
    }
    boolean fine = sizeClass < FINE_COUNT;
    int at = fine ? sizeClass : sizeClass - FINE_COUNT + COARSE_COUNT;
    int bits = fine ? FINE_BITS : BITS;
    int steps = 1 << bits;
    int shift = (at >>> bits) - 1;
    return (steps + (at & (steps - 1)) + 1L) << (shift + PAGE_SHIFT);
  }
}
