package io.github.dmabuf4j;

import org.jspecify.annotations.Nullable;

/** How a fence ended. Immutable. */
final class FenceOutcome {
  /** Success, where nobody asked for the time: the same object for all, so that it costs none. */
  static final FenceOutcome SIGNALED = new FenceOutcome(null, false, 0);

  final @Nullable Throwable error;
  final boolean timestamped;
  final long nanoTime;

  private FenceOutcome(@Nullable Throwable error, boolean timestamped, long nanoTime) {
    this.error = error;
    this.timestamped = timestamped;
    this.nanoTime = nanoTime;
  }

  static FenceOutcome of(@Nullable Throwable error, boolean timestamped) {
    return error == null && !timestamped
        ? SIGNALED
        : new FenceOutcome(error, timestamped, timestamped ? System.nanoTime() : 0);
  }
}
