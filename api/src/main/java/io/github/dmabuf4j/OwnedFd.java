package io.github.dmabuf4j;

/**
 * A file descriptor that its holder must close, or hand to a library that does. Closed exactly once
 * (design rule DV3).
 *
 * <p><b>Threads.</b> Any; of two that detach or close at once, one succeeds.
 */
public interface OwnedFd extends AutoCloseable {
  /**
   * The descriptor, still owned by this object: for calls that don't keep it.
   *
   * @return a descriptor, at least 0
   * @throws IllegalStateException if it was detached or closed
   */
  int fd();

  /**
   * Hands the descriptor to somebody who will close it. Closing this object then does nothing.
   *
   * @return a descriptor, at least 0
   * @throws IllegalStateException if it was detached or closed
   */
  int detach();

  /** Closes the descriptor unless it was detached. Closing again does nothing. */
  @Override
  void close();
}
