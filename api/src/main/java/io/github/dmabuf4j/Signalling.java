package io.github.dmabuf4j;

/**
 * Marks code that must run before a fence can signal (design rule FN4): between publishing a fence
 * and signaling it a thread takes no reservation, allocates nothing with a policy that may reclaim,
 * and touches no evicted buffer, because whoever holds a reservation or reclaims may be waiting for
 * that very fence.
 *
 * <p>Costs nothing unless the validator is on ({@link Lockdep}); then a violation is an exception
 * at the first offending call, whether or not it would have deadlocked this time. Sections nest.
 *
 * <p><b>Threads.</b> A section belongs to the thread that began it, and ends there.
 *
 * <p>Source: dma_fence_begin_signalling; rules CF4, CF5.
 */
public final class Signalling implements AutoCloseable {
  private static final Signalling UNCHECKED = new Signalling();

  private boolean closed; // by its thread alone

  private Signalling() {}

  /**
   * Begins a section.
   *
   * @return what ends it
   */
  public static Signalling begin() {
    if (!Lockdep.isEnabled()) {
      return UNCHECKED;
    }
    Lockdep.signallingBegun();
    return new Signalling();
  }

  /** Ends the section. Closing again does nothing. */
  @Override
  public void close() {
    if (this != UNCHECKED && !closed) {
      closed = true;
      Lockdep.signallingEnded();
    }
  }
}
