package io.github.dmabuf4j;

/**
 * What a caller wants when memory is short, not how the allocator works (design rule AL2). Each
 * does what those before it do.
 *
 * <p>Source: the gfp flags of include/linux/gfp_types.h ({@code GFP_NOWAIT}, {@code __GFP_NORETRY},
 * {@code __GFP_RETRY_MAYFAIL}, {@code __GFP_NOFAIL}).
 */
public enum AllocPolicy {
  /**
   * Never blocks and never reclaims: what is there at once, or failure. Legal in a {@link
   * Signalling} section.
   */
  NOWAIT,
  /** One light try: takes idle blocks of other sizes back, skips what is busy. */
  FAIL_FAST,
  /**
   * Gives back everything idle before it fails, and asks what registered with {@link Heap#shrinker}
   * to give back more. Doesn't wait for other users of the heap. The default.
   */
  NORMAL,
  /** Waits for a short time, some 50 ms, for users who are about to let go. */
  TRY_HARD,
  /**
   * Waits, interruptibly, until others let go, and reports at each deadline who holds the memory.
   * Gives up only when it can't ever succeed.
   */
  NO_FAIL
}
