package io.github.dmabuf4j.offheap;

/**
 * Keeps what comes before it off the cache lines of a {@link Stripe}: two lines, as processors
 * fetch them in pairs.
 */
@SuppressWarnings("unused")
abstract class StripePadding {
  /** Fills the gap after the header, where a subclass's field would be put otherwise. */
  private int before;

  private long before0, before1, before2, before3, before4, before5, before6, before7;
  private long before8, before9, before10, before11, before12, before13, before14, before15;
}
