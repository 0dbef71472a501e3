package io.github.dmabuf4j;

import static io.github.dmabuf4j.FrameLayoutChecks.wrong;
import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;

/**
 * Collects what is known about a frame and lays out the rest.
 *
 * <p><b>Planes.</b> Either all planes are given by {@code plane}, or none is, and then they are
 * laid out one after the other by the alignments. Every setter but {@code plane} replaces what was
 * set before, and values are looked at by {@link #build()} only.
 *
 * <p><b>Threads.</b> For one thread. {@link #build()} may be called several times.
 */
public final class FrameLayoutBuilder {
  private static final long UNSET = 0;

  /** A plane as the caller gave it; the size may be {@link #UNSET}. */
  private record Given(int bufferIndex, long offset, int stride, long size) {}

  private final PixelFormat format;
  private final List<Given> given = new ArrayList<>();
  private long modifier = DrmModifier.LINEAR;
  private int visibleX;
  private int visibleY;
  private int width;
  private int height;
  private boolean padded;
  private int paddedWidth;
  private int paddedHeight;
  private int strideAlignment = FrameLayout.DEFAULT_ALIGNMENT;
  private int planeAlignment = FrameLayout.DEFAULT_ALIGNMENT;
  private long tailBytes;
  private boolean bufferPerPlane;
  private boolean arranged;
  private ColorSpace colorSpace = ColorSpace.UNSPECIFIED;
  private ColorRange colorRange = ColorRange.UNSPECIFIED;

  FrameLayoutBuilder(PixelFormat format, int width, int height) {
    this.format = requireNonNull(format, "format");
    this.width = width;
    this.height = height;
  }

  /**
   * Where in the padded picture the visible one lies. Unless called, it starts in the corner.
   *
   * @param x pixels of padding on the left, a multiple of each plane's block width
   * @param y pixels of padding on top, a multiple of each plane's block height
   * @param width visible pixels across
   * @param height visible pixels down
   * @return this
   */
  public FrameLayoutBuilder visible(int x, int y, int width, int height) {
    this.visibleX = x;
    this.visibleY = y;
    this.width = width;
    this.height = height;
    return this;
  }

  /**
   * The picture that memory has room for, for codecs that write whole macroblocks or edges. Unless
   * called, it ends where the visible one does.
   *
   * @param width pixels across, at least up to the end of the visible picture
   * @param height pixels down, at least up to the end of the visible picture
   * @return this
   */
  public FrameLayoutBuilder paddedSize(int width, int height) {
    this.padded = true;
    this.paddedWidth = width;
    this.paddedHeight = height;
    return this;
  }

  /**
   * What every stride is a multiple of, {@link FrameLayout#DEFAULT_ALIGNMENT} unless called.
   *
   * @param bytes a power of two; 1 packs the rows
   * @return this
   */
  public FrameLayoutBuilder strideAlignment(int bytes) {
    this.strideAlignment = bytes;
    this.arranged = true;
    return this;
  }

  /**
   * What the offset of every plane is a multiple of, {@link FrameLayout#DEFAULT_ALIGNMENT} unless
   * called. Take the page size where planes are shared one by one.
   *
   * @param bytes a power of two
   * @return this
   */
  public FrameLayoutBuilder planeAlignment(int bytes) {
    this.planeAlignment = bytes;
    this.arranged = true;
    return this;
  }

  /**
   * Bytes that stay free after the last row of every plane, for vector code that reads or writes
   * past it. They count into {@link PlaneLayout#size()}. None unless called.
   *
   * @param bytes not negative
   * @return this
   */
  public FrameLayoutBuilder tailBytes(long bytes) {
    this.tailBytes = bytes;
    this.arranged = true;
    return this;
  }

  /**
   * Puts every plane at the start of a buffer of its own. Unless called, all are in one.
   *
   * @return this
   */
  public FrameLayoutBuilder bufferPerPlane() {
    this.bufferPerPlane = true;
    this.arranged = true;
    return this;
  }

  /**
   * In which order the bytes of a plane lie. Other than {@link DrmModifier#LINEAR}, all planes have
   * to be given with their sizes, since only the driver knows them.
   *
   * @param modifier the number, see {@link DrmModifier}
   * @return this
   */
  public FrameLayoutBuilder modifier(long modifier) {
    this.modifier = modifier;
    return this;
  }

  /**
   * Adds the next plane, as somebody else laid it out.
   *
   * @param plane where it lies
   * @return this
   */
  public FrameLayoutBuilder plane(PlaneLayout plane) {
    given.add(new Given(plane.bufferIndex(), plane.offset(), plane.stride(), plane.size()));
    return this;
  }

  /**
   * Adds the next plane, as somebody else laid it out without saying how large it is, which is what
   * FFmpeg and GStreamer do. It then ends with the last padded row, whose own padding may be
   * missing.
   *
   * @param bufferIndex which of the frame's buffers holds the plane, from 0
   * @param offset bytes from the start of that buffer to the plane
   * @param stride bytes from the start of a row to the start of the next
   * @return this
   */
  public FrameLayoutBuilder plane(int bufferIndex, long offset, int stride) {
    given.add(new Given(bufferIndex, offset, stride, UNSET));
    return this;
  }

  /**
   * How numbers become colours, {@link ColorSpace#UNSPECIFIED} unless called.
   *
   * @param colorSpace the colour space
   * @return this
   */
  public FrameLayoutBuilder colorSpace(ColorSpace colorSpace) {
    this.colorSpace = requireNonNull(colorSpace, "colorSpace");
    return this;
  }

  /**
   * Which numbers are black and white, {@link ColorRange#UNSPECIFIED} unless called.
   *
   * @param colorRange the range
   * @return this
   */
  public FrameLayoutBuilder colorRange(ColorRange colorRange) {
    this.colorRange = requireNonNull(colorRange, "colorRange");
    return this;
  }

  /**
   * Lays out what was not given and checks the whole.
   *
   * @return the layout
   * @throws IllegalArgumentException if a value is wrong in itself or beside the others: see the
   *     constructors of {@link FrameLayout} and {@link PlaneLayout}; if an alignment is not a power
   *     of two; if planes are given and alignments, tail or a buffer per plane asked for as well;
   *     if a size is missing where the modifier is not linear; if the frame is too large to be
   *     addressed
   */
  public FrameLayout build() {
    // A visible part beyond the largest int is refused by the check, not wrapped.
    int roomX = padded ? paddedWidth : clamp((long) visibleX + width);
    int roomY = padded ? paddedHeight : clamp((long) visibleY + height);
    FrameLayoutChecks.picture(format, visibleX, visibleY, width, height, roomX, roomY);
    return new FrameLayout(
        format,
        modifier,
        given.isEmpty() ? arrange(roomX, roomY) : complete(roomX, roomY),
        visibleX,
        visibleY,
        width,
        height,
        roomX,
        roomY,
        colorSpace,
        colorRange);
  }

  private List<PlaneLayout> complete(int roomX, int roomY) {
    if (arranged) {
      throw wrong(
          "The planes of %s were given, so alignments, tail and buffers are fixed: leave out"
              + " either the planes or those calls",
          format);
    }
    var planes = new ArrayList<PlaneLayout>();
    for (int i = 0; i < given.size(); i++) {
      Given plane = given.get(i);
      long size = plane.size();
      if (size == UNSET) {
        size = sizeOf(i, plane.stride(), roomX, roomY);
      }
      planes.add(new PlaneLayout(plane.bufferIndex(), plane.offset(), plane.stride(), size));
    }
    return planes;
  }

  private long sizeOf(int plane, int stride, int roomX, int roomY) {
    if (modifier != DrmModifier.LINEAR) {
      throw wrong(
          "The size of plane %d can't be worked out, %s has no plain rows: pass a PlaneLayout with"
              + " the size that the driver tells",
          plane, DrmModifier.describe(modifier));
    }
    if (plane >= format.planes().size()) {
      throw wrong(
          "The number of planes of %s (linear) must be %d, got %d: leave out what is too much",
          format, format.planes().size(), given.size());
    }
    // A stride that is too short, or negative, is reported by the checks that follow.
    return Math.max(1, FrameLayoutChecks.leastBytes(format.plane(plane), stride, roomX, roomY));
  }

  private List<PlaneLayout> arrange(int roomX, int roomY) {
    requirePowerOfTwo("stride", strideAlignment);
    requirePowerOfTwo("plane", planeAlignment);
    if (tailBytes < 0) {
      throw wrong("The tail must not be negative, got %d bytes: pass 0 for none", tailBytes);
    }
    if (modifier != DrmModifier.LINEAR) {
      throw wrong(
          "Planes of %s can only be laid out by its driver: give each plane, or ask for linear",
          DrmModifier.describe(modifier));
    }
    var planes = new ArrayList<PlaneLayout>();
    long end = 0;
    try {
      for (PixelFormat.Plane grid : format.planes()) {
        long stride = alignUp(grid.rowBytes(roomX), strideAlignment);
        long size = Math.addExact(Math.multiplyExact(grid.rows(roomY), stride), tailBytes);
        long offset = bufferPerPlane ? 0 : alignUp(end, planeAlignment);
        int buffer = bufferPerPlane ? planes.size() : 0;
        end = Math.addExact(offset, size);
        planes.add(new PlaneLayout(buffer, offset, Math.toIntExact(stride), size));
      }
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "A frame of %s, %dx%d pixels with padding, is too large: a stride must fit into an int,"
                  .formatted(format, roomX, roomY)
              + " an offset into a long; check the size",
          e);
    }
    return planes;
  }

  private static void requirePowerOfTwo(String what, int alignment) {
    if (Integer.bitCount(alignment) != 1 || alignment < 1) {
      throw wrong(
          "The %s alignment must be a power of two in bytes, got %d: pass 1 for none",
          what, alignment);
    }
  }

  private static long alignUp(long value, int alignment) {
    return Math.addExact(value, alignment - 1L) & -(long) alignment;
  }

  private static int clamp(long value) {
    return Math.clamp(value, Integer.MIN_VALUE, Integer.MAX_VALUE);
  }
}
