package io.github.dmabuf4j.examples.demo;

import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.jspecify.annotations.Nullable;

/** The real thing, to slip something in. */
class DelegatingHandover implements Handover {
  private final Handover real;

  DelegatingHandover(Handover real) {
    this.real = real;
  }

  @Override
  public boolean isInHeap() {
    return real.isInHeap();
  }

  @Override
  public PictureQueue toFilter() {
    return real.toFilter();
  }

  @Override
  public PictureQueue toEncoder() {
    return real.toEncoder();
  }

  @Override
  public void installInto(AVCodecContext decoder, boolean canUseOurMemory) {
    real.installInto(decoder, canUseOurMemory);
  }

  @Override
  public @Nullable Throwable failure() {
    return real.failure();
  }

  @Override
  public void accept(NativeFrame frame, Picture picture) throws Exception {
    real.accept(frame, picture);
  }

  @Override
  public void filter(Picture picture, FilterCrew crew) throws Exception {
    real.filter(picture, crew);
  }

  @Override
  public void present(Picture picture, NativeFrame frame) throws Exception {
    real.present(picture, frame);
  }

  @Override
  public void release(Picture picture) {
    real.release(picture);
  }

  @Override
  public long fenceWaits() {
    return real.fenceWaits();
  }

  @Override
  public void close() {
    real.close();
  }
}
