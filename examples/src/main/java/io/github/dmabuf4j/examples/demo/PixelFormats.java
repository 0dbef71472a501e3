package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.PixelFormat;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Which of FFmpeg's pixel formats the filter can read: those with luma in the first plane. */
final class PixelFormats {
  private static final Map<String, PixelFormat> BY_NAME =
      Map.ofEntries(
          Map.entry("yuv420p", PixelFormat.I420),
          Map.entry("yuvj420p", PixelFormat.I420),
          Map.entry("yuv422p", PixelFormat.I422),
          Map.entry("yuvj422p", PixelFormat.I422),
          Map.entry("yuv444p", PixelFormat.I444),
          Map.entry("yuvj444p", PixelFormat.I444),
          Map.entry("nv12", PixelFormat.NV12),
          Map.entry("nv21", PixelFormat.NV21),
          Map.entry("nv16", PixelFormat.NV16),
          Map.entry("gray", PixelFormat.GRAY8),
          Map.entry("yuv420p10le", PixelFormat.I420_10),
          Map.entry("yuv422p10le", PixelFormat.I422_10),
          Map.entry("yuv444p10le", PixelFormat.I444_10),
          Map.entry("p010le", PixelFormat.P010));

  private PixelFormats() {}

  /** The format that FFmpeg calls by a number, or null if the filter can't take it. */
  static @Nullable PixelFormat of(int pixelFormat) {
    return BY_NAME.get(Ffmpeg.pixelFormatName(pixelFormat));
  }

  /** How far a sample is to be shifted to the right for its upper 8 bits. */
  static int lumaShift(PixelFormat format) {
    return format == PixelFormat.P010 ? 8 : format.bitsPerComponent() - 8;
  }
}
