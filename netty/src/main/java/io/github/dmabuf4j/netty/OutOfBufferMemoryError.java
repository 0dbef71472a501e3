package io.github.dmabuf4j.netty;

import io.github.dmabuf4j.OutOfBuffersException;
import java.io.Serial;

/**
 * Thrown by a {@link DmaByteBufAllocator} whose heap can't serve an allocation. The message is the
 * heap's: how much was wanted, what the limit is and who holds the memory; the cause is its {@link
 * OutOfBuffersException}.
 *
 * <p>An {@link OutOfMemoryError}, for that is what Netty's own allocators throw, and what its
 * channels act on: a channel that has no memory to read into is closed. With any other exception it
 * would be left open, and try again at once and for ever.
 *
 * <p>Immutable.
 */
public final class OutOfBufferMemoryError extends OutOfMemoryError {
  @Serial private static final long serialVersionUID = 1L;

  OutOfBufferMemoryError(OutOfBuffersException cause) {
    super(cause.getMessage());
    initCause(cause);
  }
}
