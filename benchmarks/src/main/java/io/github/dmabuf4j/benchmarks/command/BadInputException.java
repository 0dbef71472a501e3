package io.github.dmabuf4j.benchmarks.command;

import java.io.Serial;

/** What the user gave can't be used: a line for stderr and exit status 2, no stack trace. */
public final class BadInputException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param message one line: what is wrong, and what would be right
   */
  public BadInputException(String message) {
    super(message);
  }
}
