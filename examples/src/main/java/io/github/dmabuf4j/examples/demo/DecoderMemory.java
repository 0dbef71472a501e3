package io.github.dmabuf4j.examples.demo;

import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.jspecify.annotations.Nullable;

/** Where a decoder's pictures lie. */
interface DecoderMemory {
  /** Prepares a decoder that isn't open yet. */
  void installInto(AVCodecContext decoder, boolean canUseOurMemory);

  /** Why a callback of the decoder failed, or null. */
  @Nullable Throwable failure();
}
