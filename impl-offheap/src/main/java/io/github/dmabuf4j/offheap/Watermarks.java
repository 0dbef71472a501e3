package io.github.dmabuf4j.offheap;

/**
 * When memory is given back in the background ({@code kswapd}'s).
 *
 * @param low bytes: with less than this free, it begins; 0 for never
 * @param high bytes: it goes on until this much is free; at least {@code low}
 */
record Watermarks(long low, long high) {
  /** For nobody who works in the background. */
  static final Watermarks NONE = new Watermarks(0, 0);

  /**
   * What share of the limit is {@code low} where nobody says otherwise; {@code high} is twice that.
   */
  private static final int LOW_SHARE = 64;

  /** For a heap with a store, where nobody says otherwise. */
  static Watermarks ofLimit(long limit) {
    return new Watermarks(limit / LOW_SHARE, limit / LOW_SHARE * 2);
  }
}
