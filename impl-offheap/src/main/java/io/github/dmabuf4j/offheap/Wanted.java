package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;

/**
 * What an allocation that found no idle block at once is after.
 *
 * @param size the bytes asked for
 * @param bytes the bytes of the block
 * @param sizeClass its class, or {@link SizeClasses#UNPOOLED}
 * @param alignment of its first byte, a power of two
 * @param policy what to do when memory is short
 * @param movable whether it may lie in the region
 * @param quiet whether nobody wants to know who is in the way
 * @param comesBack whether it is for a buffer that there is, and whose content is elsewhere: then
 *     also while the pool is drained
 */
record Wanted(
    long size,
    long bytes,
    int sizeClass,
    long alignment,
    AllocPolicy policy,
    boolean movable,
    boolean quiet,
    boolean comesBack) {
  /** Of a buffer that isn't movable. */
  Wanted(long size, long bytes, int sizeClass, long alignment, AllocPolicy policy) {
    this(size, bytes, sizeClass, alignment, policy, false, false, false);
  }

  /** The bits that an address must not have. Every block begins at a page. */
  static long addressMask(long alignment) {
    return alignment <= SizeClasses.PAGE ? 0 : alignment - 1;
  }

  /** Whether blocks like this are kept when they are idle. */
  boolean isOfAClass() {
    return sizeClass != SizeClasses.UNPOOLED;
  }

  long addressMask() {
    return addressMask(alignment);
  }

  /** The same with another policy. */
  Wanted with(AllocPolicy other) {
    return new Wanted(size, bytes, sizeClass, alignment, other, movable, quiet, comesBack);
  }

  /** The same, but not in the region. */
  Wanted inThePool() {
    return new Wanted(size, bytes, sizeClass, alignment, policy, false, quiet, comesBack);
  }

  /** Several of these together, for what is said and counted of them. */
  Wanted times(int count) {
    return new Wanted(
        saturated(size, count),
        saturated(bytes, count),
        sizeClass,
        alignment,
        policy,
        movable,
        quiet,
        comesBack);
  }

  private static long saturated(long value, int count) {
    return value > Long.MAX_VALUE / count ? Long.MAX_VALUE : value * count;
  }
}
