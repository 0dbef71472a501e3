package io.github.dmabuf4j.examples.demo;

import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avutil;

/** An {@code AVFrame} of our own, used for one picture after another. */
final class NativeFrame extends FrameStruct implements AutoCloseable {
  private final AVFrame frame;

  NativeFrame() {
    this(allocate());
  }

  private NativeFrame(AVFrame frame) {
    super(frame.address());
    this.frame = frame;
  }

  private static AVFrame allocate() {
    AVFrame frame = avutil.av_frame_alloc();
    if (frame == null) {
      throw new FfmpegException("av_frame_alloc", Ffmpeg.ENOMEM);
    }
    return frame;
  }

  AVFrame pointer() {
    return frame;
  }

  /** Lets go of the picture; the frame is empty and can be used again. */
  void clear() {
    avutil.av_frame_unref(frame);
  }

  @Override
  public void close() {
    avutil.av_frame_free(frame);
  }
}
