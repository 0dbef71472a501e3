package io.github.dmabuf4j.examples.demo;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.bytedeco.ffmpeg.global.avutil.AV_LOG_QUIET;
import static org.bytedeco.ffmpeg.global.avutil.av_get_pix_fmt_name;
import static org.bytedeco.ffmpeg.global.avutil.av_log_set_level;
import static org.bytedeco.ffmpeg.global.avutil.av_strerror;

import org.bytedeco.ffmpeg.presets.avutil;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;

/** FFmpeg's conventions for errors and names, as Java has them. */
final class Ffmpeg {
  static {
    Loader.load(org.bytedeco.ffmpeg.global.avutil.class); // or the numbers below aren't there
  }

  /** {@code AVERROR(EAGAIN)}: the codec wants more input, or its output taken first. */
  static final int EAGAIN = avutil.AVERROR_EAGAIN();

  /** {@code AVERROR(ENOMEM)}. */
  static final int ENOMEM = avutil.AVERROR_ENOMEM();

  private static final int MAX_MESSAGE = 128;

  private Ffmpeg() {}

  /** FFmpeg prints nothing of its own: errors become exceptions, damage a figure in the summary. */
  static void silence() {
    av_log_set_level(AV_LOG_QUIET);
  }

  /** Whether a call said that it can't go on for now, or at all, which are no errors. */
  static boolean isAgainOrEnd(int result) {
    return result == EAGAIN || result == org.bytedeco.ffmpeg.global.avutil.AVERROR_EOF;
  }

  /**
   * Turns a negative result into an exception.
   *
   * @return the result
   */
  static int check(int result, String operation) {
    if (result < 0) {
      throw new FfmpegException(operation, result);
    }
    return result;
  }

  /** What FFmpeg says about an error. */
  static String message(int error) {
    byte[] text = new byte[MAX_MESSAGE];
    av_strerror(error, text, text.length);
    int length = 0;
    while (length < text.length && text[length] != 0) {
      length++;
    }
    return new String(text, 0, length, UTF_8);
  }

  /** FFmpeg's name of a pixel format, for example {@code yuv420p}. */
  static String pixelFormatName(int pixelFormat) {
    BytePointer name = av_get_pix_fmt_name(pixelFormat);
    return name == null ? "unknown" : name.getString();
  }
}
