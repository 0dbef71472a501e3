package io.github.dmabuf4j.offheap;

/**
 * The sizes of blocks that are pooled: 1 to 8 pages each, then eight steps per doubling up to 64
 * MiB, so that a block wastes at most one eighth above its size rounded up to pages (design rule
 * AL1). Larger blocks have as many pages as they need and are never pooled.
 *
 * <p>A <i>page</i> is the accounting granule of {@value #PAGE} bytes here, whatever the machine's
 * pages are.
 */
final class SizeClasses {
  static final int PAGE_SHIFT = 12;
  static final long PAGE = 1L << PAGE_SHIFT;

  /** Of a block that belongs to no class. */
  static final int UNPOOLED = -1;

  private static final int STEP_BITS = 3;
  private static final int STEPS = 1 << STEP_BITS;
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
    if (pages <= STEPS) {
      return (int) pages - 1;
    }
    if (pages > LARGEST_PAGES) {
      return UNPOOLED;
    }
    int last = (int) pages - 1;
    int shift = 31 - Integer.numberOfLeadingZeros(last) - STEP_BITS;
    return (shift << STEP_BITS) + (last >>> shift);
  }

  /** The bytes of a block of a class. */
  static long bytes(int sizeClass) {
    if (sizeClass < STEPS) {
      return (sizeClass + 1L) << PAGE_SHIFT;
    }
    int shift = (sizeClass >>> STEP_BITS) - 1;
    return (STEPS + (sizeClass & (STEPS - 1)) + 1L) << (shift + PAGE_SHIFT);
  }
}
