package io.github.dmabuf4j.offheap;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How many bytes of a pool are pinned, and their limit, as {@code RLIMIT_MEMLOCK} limits what a
 * process locks. What is pinned can be neither moved nor reclaimed, until somebody unpins it.
 *
 * <p>A block counts with all of its bytes, for all of them stay where they are: this is the unit of
 * the heap's own limit. It counts once, however often and for whatever terms its buffer is pinned.
 *
 * <p><b>Invariant.</b> {@code bytes} is never below 0 and never above the limit. It is the sum of
 * the blocks whose {@link Block#pinnedTerms} aren't 0, and of those on the way there or back: a
 * block is added before the first term is counted, and taken off after the last one is gone, each
 * by the one thread that holds its buffer's reservation. A pin owns a reference, so no block goes
 * back to its pool while it counts here.
 *
 * <p><b>Threads.</b> Any, without a lock; allocating and releasing don't come here.
 *
 * <p>Source: design rules PN1, PN4; mm/util.c, __account_locked_vm.
 */
final class PinnedBytes {
  final long limit;
  private final AtomicLong bytes = new AtomicLong();

  /**
   * Begins with none.
   *
   * @param limit how many there may be, 0 for none at all
   */
  PinnedBytes(long limit) {
    this.limit = limit;
  }

  /**
   * Adds the bytes of a block, all or nothing.
   *
   * @return false if the limit is in the way: nothing was added
   */
  boolean tryAdd(long more) {
    long seen = bytes.get();
    while (more <= limit - seen) {
      long before = bytes.compareAndExchange(seen, seen + more);
      if (before == seen) {
        return true;
      }
      seen = before;
    }
    return false;
  }

  /** Takes the bytes of a block off. */
  void subtract(long fewer) {
    bytes.getAndAdd(-fewer);
  }

  /** How many are pinned now. */
  long now() {
    return bytes.get();
  }
}
