package io.github.dmabuf4j;

import java.util.List;

/** What makes a {@link FrameLayout} possible; each failure is one sentence with the way out. */
final class FrameLayoutChecks {
  private FrameLayoutChecks() {}

  /** Whether the sizes fit each other and the blocks of the format. */
  static void picture(
      PixelFormat format, int x, int y, int width, int height, int paddedWidth, int paddedHeight) {
    if (width < 1 || height < 1) {
      throw wrong(
          "A frame must be at least 1x1 pixels, got %dx%d: pass its visible size", width, height);
    }
    if (x < 0 || y < 0) {
      throw wrong(
          "The visible part can't start at %d,%d: pass the padding on its left and top", x, y);
    }
    if (paddedWidth < (long) x + width || paddedHeight < (long) y + height) {
      throw wrong(
          "A padded size of at least %dx%d is needed for %dx%d visible pixels from %d,%d, got"
              + " %dx%d: enlarge it",
          (long) x + width, (long) y + height, width, height, x, y, paddedWidth, paddedHeight);
    }
    for (PixelFormat.Plane grid : format.planes()) {
      if (x % grid.blockWidth() != 0 || y % grid.blockHeight() != 0) {
        throw wrong(
            "%s has blocks of %dx%d pixels, so the visible part can't start at %d,%d: move it to a"
                + " multiple",
            format, grid.blockWidth(), grid.blockHeight(), x, y);
      }
    }
  }

  /** Whether the planes fit the format, the padded size and each other. */
  static void planes(
      PixelFormat format, long modifier, List<PlaneLayout> planes, int width, int height) {
    count(format, modifier, planes);
    buffers(planes);
    if (modifier == DrmModifier.LINEAR) {
      for (int i = 0; i < planes.size(); i++) {
        linear(format, i, planes.get(i), width, height);
      }
    }
    for (int i = 0; i < planes.size(); i++) {
      for (int j = i + 1; j < planes.size(); j++) {
        apart(i, planes.get(i), j, planes.get(j));
      }
    }
  }

  private static void count(PixelFormat format, long modifier, List<PlaneLayout> planes) {
    int least = format.planes().size();
    int most = modifier == DrmModifier.LINEAR ? least : FrameLayout.MAX_PLANES;
    if (planes.size() < least || planes.size() > most) {
      throw wrong(
          "The number of planes of %s (%s) must be %s, got %d: describe each of them once",
          format,
          DrmModifier.describe(modifier),
          least == most ? least : least + " to " + most,
          planes.size());
    }
  }

  private static void buffers(List<PlaneLayout> planes) {
    int used = 0;
    for (PlaneLayout plane : planes) {
      used |= 1 << plane.bufferIndex();
    }
    if ((used & (used + 1)) != 0) {
      int skipped = Integer.numberOfTrailingZeros(~used);
      throw wrong(
          "No plane lies in buffer %d though one lies in a later one (%s): number buffers from 0"
              + " without gaps",
          skipped, planes);
    }
    try {
      long total = 0;
      for (int buffer = 0; 1 << buffer <= used; buffer++) {
        total = Math.addExact(total, bufferBytes(planes, buffer));
      }
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "The buffers of one frame add up to more than a long can hold (%s): check their offsets"
              .formatted(planes),
          e);
    }
  }

  /** Where the last plane in a buffer ends, 0 if there is none. */
  static long bufferBytes(List<PlaneLayout> planes, int buffer) {
    return planes.stream()
        .filter(plane -> plane.bufferIndex() == buffer)
        .mapToLong(PlaneLayout::end)
        .max()
        .orElse(0);
  }

  private static void linear(
      PixelFormat format, int index, PlaneLayout plane, int width, int height) {
    PixelFormat.Plane grid = format.plane(index);
    if (plane.stride() < grid.rowBytes(width)) {
      throw wrong(
          "A row of plane %d of %s, %d pixels wide with its padding, needs %d bytes, but the stride"
              + " is %d: enlarge the stride, or lower the padded width",
          index, format, width, grid.rowBytes(width), plane.stride());
    }
    long least = leastBytes(grid, plane.stride(), width, height);
    if (plane.size() < least) {
      throw wrong(
          "Plane %d of %s, %dx%d pixels with padding and %d bytes of stride, needs %d bytes, but"
              + " its size is %d: enlarge it, or lower the padded height",
          index, format, width, height, plane.stride(), least, plane.size());
    }
  }

  private static void apart(int first, PlaneLayout one, int second, PlaneLayout other) {
    if (one.overlaps(other)) {
      throw wrong(
          "Planes %d (bytes %d to %d) and %d (bytes %d to %d) overlap in buffer %d: move one, or"
              + " put it in a buffer of its own",
          first, one.offset(), one.end(), second, other.offset(), other.end(), one.bufferIndex());
    }
  }

  /**
   * Bytes from the first to the last that a linear plane uses; the last row needs no stride. The
   * rule of the kernel's {@code drm_gem_fb_init_with_funcs}.
   */
  static long leastBytes(PixelFormat.Plane grid, int stride, int width, int height) {
    return (grid.rows(height) - 1L) * stride + grid.rowBytes(width);
  }

  /** The exception to throw; the message is a format. */
  @SuppressWarnings("AnnotateFormatMethod") // its annotation would be a dependency of the api
  static IllegalArgumentException wrong(String message, Object... values) {
    return new IllegalArgumentException(message.formatted(values));
  }
}
