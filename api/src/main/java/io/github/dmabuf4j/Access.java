package io.github.dmabuf4j;

/**
 * What somebody is about to do with the bytes of a buffer: the direction of a CPU bracket ({@code
 * DMA_BUF_SYNC_READ}, {@code DMA_BUF_SYNC_WRITE}) and of a device's mapping ({@code enum
 * dma_data_direction}, seen from the user).
 */
public enum Access {
  /** The bytes are read and stay as they are. */
  READ,
  /** The bytes are written; what was there before doesn't matter. */
  WRITE,
  /** The bytes are read and written. */
  READ_WRITE;

  /**
   * Whether the bytes are read.
   *
   * @return true for {@link #READ} and {@link #READ_WRITE}
   */
  public boolean reads() {
    return this != WRITE;
  }

  /**
   * Whether the bytes are written.
   *
   * @return true for {@link #WRITE} and {@link #READ_WRITE}
   */
  public boolean writes() {
    return this != READ;
  }
}
