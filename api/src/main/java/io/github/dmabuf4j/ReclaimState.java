package io.github.dmabuf4j;

import org.jspecify.annotations.Nullable;

/**
 * What reclaim knows of one buffer's content, beside the buffer itself: most have none, because
 * nobody offered them and their heap has no store. A buffer without it is resident and needed.
 *
 * <p>Whoever changes it says so by one of the methods, which pass it on to the {@link BufferLru} of
 * a {@link FollowedState}. Here nobody wants to know: the exporter sees to reclaim itself.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>dontNeed, purged, evicted</td><td>plain; racy for reports</td><td>plain</td><td>the buffer's reservation; at release nobody
 *   else is left</td></tr>
 * </table>
 */
sealed class ReclaimState permits FollowedState {
  /** Whether {@link Advice#DONT_NEED} was said last. */
  boolean dontNeed;

  /** Whether its content was dropped. */
  boolean purged;

  /** Where its content is, if that is in a store. */
  @Nullable EvictedContent evicted;

  /**
   * For a buffer that has none.
   *
   * @param lru who finds it when memory is short; null if its exporter sees to that
   */
  static ReclaimState of(BufferObject object, @Nullable BufferLru lru) {
    return lru == null ? new ReclaimState() : new FollowedState(object, lru);
  }

  /** Where the content is. */
  final BufferObject.Residency residency() {
    if (purged) {
      return BufferObject.Residency.PURGED;
    }
    return evicted == null ? BufferObject.Residency.RESIDENT : BufferObject.Residency.EVICTED;
  }

  /**
   * It has an owner from now on, or another advice. May fail for want of memory; then it counts as
   * not said.
   */
  void changed() {}

  /** Somebody uses it. */
  void used() {}

  /** It is back from the store. */
  void cameBack() {}

  /** It is in the store and nowhere else. */
  void wasStored() {}

  /** It is gone, which gave so many bytes. */
  void wasDropped(long bytes) {}

  /** The store didn't take it. */
  void wasRefused() {}

  /**
   * Its owner has none any more.
   *
   * @return what is known of the content of the next one; null for nothing
   */
  @Nullable ReclaimState released() {
    return null;
  }
}
