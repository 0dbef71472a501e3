package io.github.dmabuf4j.examples.demo;

import java.io.Serial;

/** A call of FFmpeg failed. */
final class FfmpegException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  FfmpegException(String operation, int error) {
    super(operation + ": " + Ffmpeg.message(error));
  }
}
