package io.github.dmabuf4j;

import static java.util.function.Function.identity;
import static java.util.stream.Collectors.toUnmodifiableMap;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the samples of a frame are and how many bytes they take, for the formats that codecs,
 * filters and GPUs exchange. Codes and component orders are those of the kernel's {@code
 * drm_fourcc.h}.
 *
 * <p><b>Names.</b> Formats of whole bytes are named by the order of their bytes in memory: {@link
 * #RGBA} is a byte of red, then green, blue, alpha, which is what FFmpeg, GStreamer and Vulkan's
 * {@code R8G8B8A8} mean. The kernel names them from the highest bit of a little-endian word down,
 * so the same bytes are its {@code ABGR8888}. Formats whose components share bytes, such as {@link
 * #XRGB2101010}, keep the kernel's name. Samples of more than 8 bits are little-endian.
 *
 * <p><b>Blocks.</b> A {@link Plane} is a grid of blocks, each covering a rectangle of pixels: one
 * pixel for luma, two by two for the chroma of 4:2:0, two by one for {@link #YUYV}. A picture whose
 * size is not a multiple of the block has one more, partly used, block: counts round up, as the
 * kernel's do.
 *
 * <p><b>Threads.</b> Immutable.
 */
@SuppressWarnings("ImmutableEnumChecker") // the list of planes is an unmodifiable copy
public enum PixelFormat {
  /** Y, Cb and Cr planes of 8 bits, chroma halved both ways; FFmpeg's {@code yuv420p}. */
  I420("YU12", Kind.YCBCR, 8, pixel(1), block(2, 2, 1), block(2, 2, 1)),
  /** As {@link #I420} with Cr before Cb. */
  YV12("YV12", Kind.YCBCR, 8, pixel(1), block(2, 2, 1), block(2, 2, 1)),
  /** Y, Cb and Cr planes of 8 bits, chroma halved across; FFmpeg's {@code yuv422p}. */
  I422("YU16", Kind.YCBCR, 8, pixel(1), block(2, 1, 1), block(2, 1, 1)),
  /** Y, Cb and Cr planes of 8 bits at full size; FFmpeg's {@code yuv444p}. */
  I444("YU24", Kind.YCBCR, 8, pixel(1), block(1, 1, 1), block(1, 1, 1)),

  /**
   * As {@link #I420} with 10 bits in the low end of 16, the rest zero; FFmpeg's {@code
   * yuv420p10le}. The code came into the kernel's header in 2025, older drivers don't know it.
   */
  I420_10("S010", Kind.YCBCR, 10, pixel(2), block(2, 2, 2), block(2, 2, 2)),
  /** As {@link #I422}, 10 bits as in {@link #I420_10}; FFmpeg's {@code yuv422p10le}. */
  I422_10("S210", Kind.YCBCR, 10, pixel(2), block(2, 1, 2), block(2, 1, 2)),
  /** As {@link #I444}, 10 bits as in {@link #I420_10}; FFmpeg's {@code yuv444p10le}. */
  I444_10("S410", Kind.YCBCR, 10, pixel(2), block(1, 1, 2), block(1, 1, 2)),

  /** A Y plane and a plane of Cb, Cr pairs, 8 bits, chroma halved both ways. */
  NV12("NV12", Kind.YCBCR, 8, pixel(1), block(2, 2, 2)),
  /** As {@link #NV12} with Cr before Cb. */
  NV21("NV21", Kind.YCBCR, 8, pixel(1), block(2, 2, 2)),
  /** As {@link #NV12} with chroma halved across only. */
  NV16("NV16", Kind.YCBCR, 8, pixel(1), block(2, 1, 2)),
  /** As {@link #NV12} with chroma at full size. */
  NV24("NV24", Kind.YCBCR, 8, pixel(1), block(1, 1, 2)),
  /** As {@link #NV12} with 10 bits in the high end of 16. */
  P010("P010", Kind.YCBCR, 10, pixel(2), block(2, 2, 4)),
  /** As {@link #NV16} with 10 bits in the high end of 16. */
  P210("P210", Kind.YCBCR, 10, pixel(2), block(2, 1, 4)),

  /** Bytes Y0, Cb, Y1, Cr for two pixels side by side; FFmpeg's {@code yuyv422}. */
  YUYV("YUYV", Kind.YCBCR, 8, block(2, 1, 4)),
  /** Bytes Cb, Y0, Cr, Y1 for two pixels side by side; FFmpeg's {@code uyvy422}. */
  UYVY("UYVY", Kind.YCBCR, 8, block(2, 1, 4)),

  /** Bytes R, G, B, A; {@code DRM_FORMAT_ABGR8888}. */
  RGBA("AB24", Kind.RGB_ALPHA, 8, pixel(4)),
  /** Bytes B, G, R, A; {@code DRM_FORMAT_ARGB8888}. */
  BGRA("AR24", Kind.RGB_ALPHA, 8, pixel(4)),
  /** Bytes R, G, B and one that means nothing; {@code DRM_FORMAT_XBGR8888}. */
  RGBX("XB24", Kind.RGB, 8, pixel(4)),
  /** Bytes B, G, R and one that means nothing; {@code DRM_FORMAT_XRGB8888}. */
  BGRX("XR24", Kind.RGB, 8, pixel(4)),
  /** Bytes R, G, B; {@code DRM_FORMAT_BGR888}. */
  RGB24("BG24", Kind.RGB, 8, pixel(3)),
  /** Bytes B, G, R; {@code DRM_FORMAT_RGB888}. */
  BGR24("RG24", Kind.RGB, 8, pixel(3)),

  /** A 32-bit word: from the top 2 unused bits, then 10 each of R, G, B. */
  XRGB2101010("XR30", Kind.RGB, 10, pixel(4)),
  /** A 32-bit word: from the top 2 unused bits, then 10 each of B, G, R. */
  XBGR2101010("XB30", Kind.RGB, 10, pixel(4)),
  /** A 32-bit word: from the top 2 bits of alpha, then 10 each of R, G, B. */
  ARGB2101010("AR30", Kind.RGB_ALPHA, 10, pixel(4)),
  /** A 32-bit word: from the top 2 bits of alpha, then 10 each of B, G, R. */
  ABGR2101010("AB30", Kind.RGB_ALPHA, 10, pixel(4)),

  /** One byte of brightness; {@code DRM_FORMAT_R8}, which GPUs read as red. */
  GRAY8("R8  ", Kind.GRAY, 8, pixel(1)),
  /** 16 bits of brightness; {@code DRM_FORMAT_R16}, which GPUs read as red. */
  GRAY16("R16 ", Kind.GRAY, 16, pixel(2));

  /** What the components of a pixel are. */
  public enum Kind {
    /** Luma and two colour differences, often called YUV. */
    YCBCR,
    /** Red, green and blue. */
    RGB,
    /** Red, green, blue and opacity. */
    RGB_ALPHA,
    /** Brightness only. */
    GRAY
  }

  /**
   * One plane of a format: a grid of blocks of equal size.
   *
   * @param blockWidth pixels of the picture that a block covers across, at least 1
   * @param blockHeight pixels of the picture that a block covers down, at least 1
   * @param blockBytes bytes of a block, at least 1
   */
  public record Plane(int blockWidth, int blockHeight, int blockBytes) {
    /**
     * Only formats of this enumeration have planes, so callers rarely make one.
     *
     * @throws IllegalArgumentException if a value is below 1
     */
    public Plane {
      if (blockWidth < 1 || blockHeight < 1 || blockBytes < 1) {
        throw new IllegalArgumentException(
            "A block must cover at least 1x1 pixels and 1 byte, got %dx%d pixels and %d bytes"
                .formatted(blockWidth, blockHeight, blockBytes));
      }
    }

    /**
     * How many blocks cover this many pixels across; 720 pixels are 360 samples of 4:2:0 chroma,
     * 719 are 360 as well.
     *
     * @param pixels a width in pixels of the picture, not negative
     * @return blocks, rounded up
     */
    public int columns(int pixels) {
      return Math.ceilDiv(pixels, blockWidth);
    }

    /**
     * How many rows of blocks cover this many pixels down; 405 pixels are 203 rows of 4:2:0 chroma.
     *
     * @param pixels a height in pixels of the picture, not negative
     * @return rows, rounded up
     */
    public int rows(int pixels) {
      return Math.ceilDiv(pixels, blockHeight);
    }

    /**
     * Bytes of one row of blocks without padding.
     *
     * @param pixels a width in pixels of the picture, not negative
     * @return {@code columns(pixels)} times {@link #blockBytes()}
     */
    public long rowBytes(int pixels) {
      return (long) columns(pixels) * blockBytes;
    }
  }

  private static final Map<Integer, PixelFormat> BY_FOURCC =
      Arrays.stream(values()).collect(toUnmodifiableMap(PixelFormat::fourcc, identity()));

  private final int fourcc;
  private final Kind kind;
  private final int bitsPerComponent;
  private final List<Plane> planes;

  PixelFormat(String fourcc, Kind kind, int bitsPerComponent, Plane... planes) {
    this.fourcc =
        fourcc.charAt(0) | fourcc.charAt(1) << 8 | fourcc.charAt(2) << 16 | fourcc.charAt(3) << 24;
    this.kind = kind;
    this.bitsPerComponent = bitsPerComponent;
    this.planes = List.of(planes);
  }

  private static Plane block(int blockWidth, int blockHeight, int bytes) {
    return new Plane(blockWidth, blockHeight, bytes);
  }

  private static Plane pixel(int bytes) {
    return new Plane(1, 1, bytes);
  }

  /**
   * Finds the format of a code that a driver or an {@code AVDRMLayerDescriptor} names.
   *
   * @param fourcc a code of {@code drm_fourcc.h}, first letter in the low byte
   * @return the format, or empty if it is not one of these (also for every code that has {@code
   *     DRM_FORMAT_BIG_ENDIAN} set)
   */
  public static Optional<PixelFormat> fromFourcc(int fourcc) {
    return Optional.ofNullable(BY_FOURCC.get(fourcc));
  }

  /**
   * A code for people, whether known or not: its four letters, or hexadecimal digits where one of
   * them can't be printed.
   *
   * @param fourcc any code
   * @return for example {@code NV12} or {@code 0x00000000}
   */
  public static String fourccText(int fourcc) {
    var text = new StringBuilder(4);
    for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
      int letter = fourcc >>> shift & 0xff;
      if (letter < ' ' || letter > '~') {
        return "0x" + HexFormat.of().toHexDigits(fourcc);
      }
      text.append((char) letter);
    }
    return text.toString();
  }

  /**
   * The code by which drivers know the format.
   *
   * @return a code of {@code drm_fourcc.h}, first letter in the low byte
   */
  public int fourcc() {
    return fourcc;
  }

  /**
   * The letters of {@link #fourcc()}.
   *
   * @return four characters, filled up with spaces, for example {@code "R8 "}
   */
  public String fourccText() {
    return fourccText(fourcc);
  }

  /**
   * What the components are.
   *
   * @return the kind
   */
  public Kind kind() {
    return kind;
  }

  /**
   * Bits of a sample that carry a value; it may be stored in more. For the 2:10:10:10 formats that
   * of the colours, not of alpha.
   *
   * @return 8, 10 or 16
   */
  public int bitsPerComponent() {
    return bitsPerComponent;
  }

  /**
   * The planes in the order in which {@link FrameLayout#planes()} lists them.
   *
   * @return one to three planes, unmodifiable
   */
  public List<Plane> planes() {
    return planes;
  }

  /**
   * One plane.
   *
   * @param index from 0
   * @return the plane
   * @throws IndexOutOfBoundsException if the format has no such plane
   */
  public Plane plane(int index) {
    return planes.get(index);
  }
}
