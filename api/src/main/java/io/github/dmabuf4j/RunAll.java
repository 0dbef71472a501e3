package io.github.dmabuf4j;

import org.jspecify.annotations.Nullable;

/**
 * Runs several things, whatever each of them throws; then the first failure is thrown, with the
 * others suppressed. For one thread.
 */
final class RunAll {
  private @Nullable Throwable first;

  /** Runs one of the things. */
  RunAll run(Runnable thing) {
    try {
      thing.run();
    } catch (RuntimeException | Error e) {
      failed(e);
    }
    return this;
  }

  /** Notes a failure that was met elsewhere. */
  void failed(Throwable failure) {
    if (first == null) {
      first = failure;
    } else if (first != failure) {
      first.addSuppressed(failure);
    }
  }

  /** The first failure so far. */
  @Nullable Throwable failure() {
    return first;
  }

  /** Throws the first failure if there was one. */
  void finish() {
    if (first != null) {
      rethrow(first);
    }
  }

  /** Throws what was caught as a RuntimeException or an Error. */
  static void rethrow(Throwable failure) {
    throw unchecked(failure);
  }

  /** A RuntimeException to be thrown, or throws an Error. */
  static RuntimeException unchecked(Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return (RuntimeException) failure;
  }
}
