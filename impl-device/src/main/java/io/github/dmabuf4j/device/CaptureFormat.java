package io.github.dmabuf4j.device;

import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.FrameLayoutBuilder;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.device.linux.bindings.v4l2_pix_format;
import java.lang.foreign.MemorySegment;

/**
 * What a camera writes into a buffer: V4L2's words for a {@link FrameLayout}.
 *
 * @param layout where the planes lie
 * @param bytes how many bytes a buffer must have
 */
record CaptureFormat(FrameLayout layout, long bytes) {
  /**
   * V4L2's code of a format. Most are those of DRM; where V4L2 has a code of its own, the bytes in
   * memory are the same.
   */
  static int fourcc(PixelFormat format) {
    return switch (format) {
      case RGB24 -> fourcc("RGB3");
      case BGR24 -> fourcc("BGR3");
      case GRAY8 -> fourcc("GREY");
      case I422 -> fourcc("422P");
      case YUYV, UYVY, NV12, NV21, NV16, NV24, I420, YV12, RGBA, BGRA, RGBX, BGRX ->
          format.fourcc();
      default ->
          throw new IllegalArgumentException(
              "cameras have no code for %s: take YUYV, UYVY, NV12, I420, RGB24, GRAY8 or another format of 8 bits"
                  .formatted(format));
    };
  }

  private static int fourcc(String letters) {
    return letters.charAt(0)
        | letters.charAt(1) << 8
        | letters.charAt(2) << 16
        | letters.charAt(3) << 24;
  }

  /**
   * The layout that a driver has set: the rows of the first plane are as long as it says, those of
   * the others in proportion, and planes follow each other.
   *
   * @param format what was asked for
   * @param driver the driver's {@code struct v4l2_pix_format}
   */
  static CaptureFormat read(PixelFormat format, MemorySegment driver) {
    int width = v4l2_pix_format.width(driver);
    int height = v4l2_pix_format.height(driver);
    PixelFormat.Plane first = format.plane(0);
    long stride = Integer.toUnsignedLong(v4l2_pix_format.bytesperline(driver));
    FrameLayoutBuilder layout = FrameLayout.builder(format, width, height);
    long offset = 0;
    for (PixelFormat.Plane plane : format.planes()) {
      long inProportion =
          stride
              * plane.blockBytes()
              * first.blockWidth()
              / plane.blockWidth()
              / first.blockBytes();
      int ownStride = Math.toIntExact(Math.max(inProportion, plane.rowBytes(width)));
      layout.plane(0, offset, ownStride);
      offset += (long) ownStride * plane.rows(height);
    }
    return new CaptureFormat(
        layout.build(),
        Math.max(offset, Integer.toUnsignedLong(v4l2_pix_format.sizeimage(driver))));
  }
}
