package io.github.dmabuf4j;

import org.jspecify.annotations.Nullable;

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
  private static final Signalling UNCHECKED = new Signalling(null);

  private final @Nullable Fence fence;
  private boolean closed; // by its thread alone

  private Signalling(@Nullable Fence fence) {
    this.fence = fence;
  }

  /**
   * Begins a section.
   *
   * @return what ends it
   */
  public static Signalling begin() {
    return begin(null);
  }

  /**
   * Begins a section that ends with the signal of a fence, so that {@link WaitGraph} knows whom
   * those wait for who wait for the fence.
   *
   * @param fence what this thread is going to signal, or null if that isn't known
   * @return what ends it
   */
  public static Signalling begin(@Nullable Fence fence) {
    if (!Lockdep.isEnabled()) {
      return UNCHECKED;
    }
    HeldLocks.current().add(LockClass.FENCE, fence);
    return new Signalling(fence);
  }

  /**
   * Ends the section. Closing again does nothing.
   *
   * @throws LockdepException if the validator is on and the section was begun by another thread
   */
  @Override
  public void close() {
    if (this != UNCHECKED && !closed) {
      HeldLocks.current().remove(LockClass.FENCE, fence);
      closed = true;
    }
  }
}
