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
    } catch (Throwable e) { // checked ones too: exporters can throw them past the compiler
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

  /** Throws what was caught where nothing checked is declared. */
  static void rethrow(Throwable failure) {
    throw unchecked(failure);
  }

  /** A RuntimeException to be thrown; throws what is none. */
  static RuntimeException unchecked(Throwable failure) {
    if (failure instanceof RuntimeException exception) {
      return exception;
    }
    throw RunAll.<RuntimeException>asDeclared(failure);
  }

  /** A checked one came past the compiler, and goes on as it came. */
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <X extends Throwable> X asDeclared(Throwable failure) throws X {
    throw (X) failure;
  }
}
