package io.github.dmabuf4j.offheap;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** The operating system refused memory: which call, how much, and its error. */
final class SlabMemoryException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  SlabMemoryException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
