package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.spi.SwapMemory;

/** Memory that a store needs from its opening on. */
final class Scratch {
  private Scratch() {}

  /**
   * Takes some.
   *
   * @throws HeapUnavailableException if the heap has none
   */
  static SwapMemory.Piece take(SwapMemory memory, long bytes) {
    SwapMemory.Piece piece = memory.allocate(bytes);
    if (piece == null) {
      throw new HeapUnavailableException(
          ("the swap store needs %s of the heap's memory to work in, and there is no room: raise"
                  + " the heap's limit, or open it without swap")
              .formatted(ByteSize.format(bytes)));
    }
    return piece;
  }
}
