package io.github.dmabuf4j.offheap;

/**
 * A range that is being cleared for one request: nobody else can place anything into it, and what
 * is released in it stays there for that request (design rule AL5). Ended by {@link
 * ReservedRegion#takeIsolated} or {@link ReservedRegion#giveUp}. Compared by identity.
 *
 * <p>Source: mm/page_isolation.c, MIGRATE_ISOLATE.
 */
final class Isolation {
  /** Its first page, counted from the start of the region. */
  final int start;

  /** The page after its last. */
  final int end;

  Isolation(int start, int end) {
    this.start = start;
    this.end = end;
  }

  boolean overlaps(int from, int to) {
    return start < to && from < end;
  }
}
