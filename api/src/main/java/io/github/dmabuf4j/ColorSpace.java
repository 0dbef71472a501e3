package io.github.dmabuf4j;

/**
 * How the numbers of a frame become colours: the primaries, the transfer curve and, for YCbCr
 * formats, the matrix, named together by the standard that defines them.
 *
 * <p>It describes bytes and changes none of them: two frames that differ only here have the same
 * layout in memory. Where a stream mixes the parts of several standards, choose the value whose
 * matrix is right, because a wrong matrix is what shows most.
 *
 * <p><b>Threads.</b> Immutable.
 */
public enum ColorSpace {
  /**
   * Nothing is known. Most players then take {@link #BT601} up to 576 rows and {@link #BT709}
   * above.
   */
  UNSPECIFIED,

  /** Computer graphics: the primaries of BT.709 with the curve of IEC 61966-2-1. */
  SRGB,

  /** Standard definition video, ITU-R BT.601, both its 525-line and its 625-line variant. */
  BT601,

  /** High definition video, ITU-R BT.709. */
  BT709,

  /**
   * Ultra high definition video of standard dynamic range, ITU-R BT.2020, not constant luminance.
   */
  BT2020,

  /**
   * High dynamic range: BT.2020 primaries and matrix, the perceptual quantizer of SMPTE ST 2084.
   */
  BT2100_PQ,

  /**
   * High dynamic range: BT.2020 primaries and matrix, the hybrid log-gamma curve of ITU-R BT.2100.
   */
  BT2100_HLG
}
