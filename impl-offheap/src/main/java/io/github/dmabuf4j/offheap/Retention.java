package io.github.dmabuf4j.offheap;

import java.time.Duration;

/**
 * What becomes of idle blocks.
 *
 * @param decay how long one may lie idle
 * @param bytes how many bytes of them are kept; more go back within {@link Decay#ATTENTION}
 * @param zeroed whether they are made zero meanwhile, for those who want zeros
 */
record Retention(Duration decay, long bytes, boolean zeroed) {
  /** Without a limit but the heap's, and with the content of their last user. */
  static Retention of(Duration decay) {
    return new Retention(decay, Long.MAX_VALUE, false);
  }

  /** Whether idle blocks have to be looked after more often than they decay. */
  boolean needsAttention() {
    return bytes != Long.MAX_VALUE || zeroed;
  }
}
