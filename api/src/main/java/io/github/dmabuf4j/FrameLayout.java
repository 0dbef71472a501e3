package io.github.dmabuf4j;

import static java.util.Objects.checkIndex;
import static java.util.Objects.requireNonNull;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * How a video frame lies in one or several buffers, in enough detail for a codec, a filter and a
 * GPU to agree on it without copying.
 *
 * <p><b>Sizes.</b> A codec often writes more than is to be seen. The <i>padded</i> size is the
 * picture that memory has room for; the <i>visible</i> rectangle lies somewhere in it. Both are in
 * pixels and both may be odd: chroma planes round up, as {@link PixelFormat} says.
 *
 * <p><b>Planes.</b> A plane begins at the padded origin, so a reader of the visible picture starts
 * at {@link #visibleOffset(int)}. With the modifier {@link DrmModifier#LINEAR} the planes are those
 * of the format, rows are a stride apart, and every number is checked against the picture. Any
 * other modifier belongs to a driver, which may add planes (compression data) and alone knows how
 * many bytes there are: then only the numbers themselves are checked, and rows can't be asked for.
 * In no case may two planes share a byte, so chroma planes woven row by row into one are not
 * supported.
 *
 * <p><b>Other systems.</b> The same facts are {@code AVDRMFrameDescriptor} in FFmpeg (format,
 * modifier, object index, offset, pitch), {@code VkImageDrmFormatModifierExplicitCreateInfoEXT} in
 * Vulkan (modifier, offset, row pitch) and {@code GstVideoMeta} (offset, stride; padding in its
 * alignment).
 *
 * <p><b>Threads.</b> Immutable; a {@link FrameLayoutBuilder} is for one thread.
 *
 * @param format what the samples are
 * @param modifier in which order the bytes lie, see {@link DrmModifier}
 * @param planes one to {@link #MAX_PLANES} planes, those of the format first; unmodifiable
 * @param visibleX pixels of padding on the left, a multiple of each plane's block width
 * @param visibleY pixels of padding on top, a multiple of each plane's block height
 * @param width visible pixels across
 * @param height visible pixels down
 * @param paddedWidth pixels across that memory has room for
 * @param paddedHeight pixels down that memory has room for
 * @param colorSpace how numbers become colours
 * @param colorRange which numbers are black and white
 */
public record FrameLayout(
    PixelFormat format,
    long modifier,
    List<PlaneLayout> planes,
    int visibleX,
    int visibleY,
    int width,
    int height,
    int paddedWidth,
    int paddedHeight,
    ColorSpace colorSpace,
    ColorRange colorRange) {

  /** The most planes that DRM, FFmpeg ({@code AV_DRM_MAX_PLANES}) and Vulkan describe. */
  public static final int MAX_PLANES = 4;

  /** What rows and planes are aligned to unless said otherwise, in bytes; enough for any GPU. */
  public static final int DEFAULT_ALIGNMENT = 256;

  /**
   * Takes the layout as it is, for frames that someone else laid out. To lay one out use {@link
   * #of} or {@link #builder}.
   *
   * @throws IllegalArgumentException if a size is below 1; if the visible rectangle is not inside
   *     the padded picture or starts inside a block; if the number of planes is wrong; if a buffer
   *     index is skipped; if a linear plane has a stride shorter than its padded row or a size too
   *     small for its padded rows; if planes overlap; if the buffers add up to more than a {@code
   *     long} can hold
   */
  public FrameLayout {
    requireNonNull(format, "format");
    requireNonNull(colorSpace, "colorSpace");
    requireNonNull(colorRange, "colorRange");
    planes = List.copyOf(planes);
    FrameLayoutChecks.picture(format, visibleX, visibleY, width, height, paddedWidth, paddedHeight);
    FrameLayoutChecks.planes(format, modifier, planes, paddedWidth, paddedHeight);
  }

  /**
   * The usual layout of a new frame: one buffer, linear, no padding, rows and planes aligned to
   * {@link #DEFAULT_ALIGNMENT}, colours unspecified.
   *
   * @param format what the samples are
   * @param width pixels across
   * @param height pixels down
   * @return the layout
   * @throws IllegalArgumentException if a size is below 1, or so large that a row is longer than an
   *     {@code int} can say
   */
  public static FrameLayout of(PixelFormat format, int width, int height) {
    return builder(format, width, height).build();
  }

  /**
   * Starts a layout.
   *
   * @param format what the samples are
   * @param width visible pixels across
   * @param height visible pixels down
   * @return a builder that makes what {@link #of} makes until told otherwise
   */
  public static FrameLayoutBuilder builder(PixelFormat format, int width, int height) {
    return new FrameLayoutBuilder(format, width, height);
  }

  /**
   * A builder with everything as it is here, to change the colours or the visible rectangle once
   * the decoder knows them. The planes stay where they are.
   *
   * @return a new builder
   */
  public FrameLayoutBuilder toBuilder() {
    FrameLayoutBuilder builder =
        new FrameLayoutBuilder(format, width, height)
            .visible(visibleX, visibleY, width, height)
            .paddedSize(paddedWidth, paddedHeight)
            .modifier(modifier)
            .colorSpace(colorSpace)
            .colorRange(colorRange);
    planes.forEach(builder::plane);
    return builder;
  }

  /**
   * Whether rows lie one after the other, so that a CPU can read them.
   *
   * @return true if the modifier is {@link DrmModifier#LINEAR}
   */
  public boolean isLinear() {
    return modifier == DrmModifier.LINEAR;
  }

  /**
   * How many buffers hold the frame.
   *
   * @return 1 to {@link #MAX_PLANES}
   */
  public int bufferCount() {
    int last = 0;
    for (PlaneLayout plane : planes) {
      last = Math.max(last, plane.bufferIndex());
    }
    return last + 1;
  }

  /**
   * How large a buffer must be at least.
   *
   * @param bufferIndex from 0
   * @return bytes from its start to the end of the last plane in it
   * @throws IndexOutOfBoundsException if the frame has no such buffer
   */
  public long bufferBytes(int bufferIndex) {
    checkIndex(bufferIndex, bufferCount());
    return FrameLayoutChecks.bufferBytes(planes, bufferIndex);
  }

  /**
   * How many bytes the frame needs.
   *
   * @return the sum of {@link #bufferBytes} over all buffers
   */
  public long totalBytes() {
    long total = 0;
    for (int buffer = 0; buffer < bufferCount(); buffer++) {
      total += bufferBytes(buffer);
    }
    return total;
  }

  /**
   * Visible blocks of a plane across: samples, or pairs of pixels in {@link PixelFormat#YUYV}.
   *
   * @param plane index of a plane of the format
   * @return blocks, rounded up
   * @throws IndexOutOfBoundsException if the format has no such plane
   */
  public int planeColumns(int plane) {
    return format.plane(plane).columns(width);
  }

  /**
   * Visible rows of a plane.
   *
   * @param plane index of a plane of the format
   * @return rows, rounded up
   * @throws IndexOutOfBoundsException if the format has no such plane
   */
  public int planeRows(int plane) {
    return format.plane(plane).rows(height);
  }

  /**
   * Bytes of a visible row of a plane, without padding.
   *
   * @param plane index of a plane of the format
   * @return bytes, at most the stride where the layout is linear
   * @throws IndexOutOfBoundsException if the format has no such plane
   */
  public long rowBytes(int plane) {
    return format.plane(plane).rowBytes(width);
  }

  /**
   * Where the visible picture starts.
   *
   * @param plane index of a plane
   * @return bytes from the start of the plane's buffer to its first visible block
   * @throws IndexOutOfBoundsException if there is no such plane
   * @throws UnsupportedOperationException if the layout is not linear
   */
  public long visibleOffset(int plane) {
    PlaneLayout place = planes.get(plane);
    requireLinear();
    PixelFormat.Plane grid = format.plane(plane);
    return place.offset() + (long) grid.rows(visibleY) * place.stride() + grid.rowBytes(visibleX);
  }

  /**
   * The bytes of a plane, padding and all.
   *
   * @param plane index of a plane
   * @param buffer all bytes of the buffer whose index is the plane's {@link
   *     PlaneLayout#bufferIndex()}; the slice lives as long as this segment
   * @return a slice of {@link PlaneLayout#size()} bytes
   * @throws IndexOutOfBoundsException if there is no such plane
   * @throws IllegalArgumentException if the buffer ends before the plane
   */
  public MemorySegment plane(int plane, MemorySegment buffer) {
    PlaneLayout place = planes.get(plane);
    if (buffer.byteSize() < place.end()) {
      throw new IllegalArgumentException(
          "Plane %d of %s needs a buffer of %d bytes, got %d: pass all of buffer %d, from its start"
              .formatted(plane, this, place.end(), buffer.byteSize(), place.bufferIndex()));
    }
    return buffer.asSlice(place.offset(), place.size());
  }

  /**
   * The bytes of a visible row, without padding. Loops that must be quick rather take {@link
   * #plane(int, MemorySegment)} once and step by the stride.
   *
   * @param plane index of a plane
   * @param row from 0, the topmost visible one
   * @param buffer as for {@link #plane(int, MemorySegment)}
   * @return a slice of {@link #rowBytes(int)} bytes
   * @throws IndexOutOfBoundsException if there is no such plane, or no such row in it
   * @throws IllegalArgumentException if the buffer ends before the plane
   * @throws UnsupportedOperationException if the layout is not linear
   */
  public MemorySegment row(int plane, int row, MemorySegment buffer) {
    PlaneLayout place = planes.get(plane);
    long start = visibleOffset(plane) - place.offset();
    long rowStart = start + (long) checkIndex(row, planeRows(plane)) * place.stride();
    return plane(plane, buffer).asSlice(rowStart, rowBytes(plane));
  }

  private void requireLinear() {
    if (!isLinear()) {
      throw new UnsupportedOperationException(
          "Rows were asked of %s, which only its driver can read: convert it to linear first"
              .formatted(this));
    }
  }

  /**
   * For example {@code I420 720x405 (padded 736x416) linear: [0+0 stride 768] [0+319488 stride 512]
   * [0+425984 stride 512]}, followed by the colours where they are specified.
   *
   * @return the layout for people
   */
  @Override
  public String toString() {
    var text = new StringBuilder().append(format).append(' ').append(width).append('x');
    text.append(height);
    if (width != paddedWidth || height != paddedHeight) {
      text.append(" (padded ").append(paddedWidth).append('x').append(paddedHeight);
      if (visibleX != 0 || visibleY != 0) {
        text.append(", visible from ").append(visibleX).append(',').append(visibleY);
      }
      text.append(')');
    }
    text.append(' ').append(DrmModifier.describe(modifier)).append(':');
    planes.forEach(plane -> text.append(' ').append(plane));
    if (colorSpace != ColorSpace.UNSPECIFIED) {
      text.append(' ').append(colorSpace);
    }
    if (colorRange != ColorRange.UNSPECIFIED) {
      text.append(' ').append(colorRange);
    }
    return text.toString();
  }
}
