package io.github.dmabuf4j;

/**
 * Which of the numbers a sample can hold stand for black to white.
 *
 * <p>It describes bytes and changes none of them.
 *
 * <p><b>Threads.</b> Immutable.
 */
public enum ColorRange {
  /**
   * Nothing is known. Most players then take {@link #LIMITED} for YCbCr and {@link #FULL} for RGB.
   */
  UNSPECIFIED,

  /** With 8 bits luma spans 16 to 235 and chroma 16 to 240; more bits scale that up. */
  LIMITED,

  /** Every number is used: with 8 bits 0 is black and 255 is white. */
  FULL
}
