package io.github.dmabuf4j.examples.demo;

import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.jspecify.annotations.Nullable;

/**
 * How pictures get from stage to stage: the one thing in which the two pipelines differ. {@link
 * SharedFrames} hands buffers on, {@link CopiedFrames} copies their content.
 */
interface Handover extends AutoCloseable {
  /** Whether every plane must lie in a buffer of a heap. */
  boolean isInHeap();

  /** Prepares a decoder that isn't open yet. */
  void installInto(AVCodecContext decoder, boolean canUseOurMemory);

  /** Why a callback of the decoder failed, or null. */
  @Nullable Throwable failure();

  /**
   * Takes a decoded picture over, and makes room for what the filter will make of it. The decode
   * thread; may wait for memory.
   *
   * @param frame what the decoder delivered, still the caller's
   * @param picture gets the buffers and where the planes lie in them
   */
  void accept(NativeFrame frame, Picture picture) throws Exception;

  /**
   * Filters a picture and hands it on. The filter thread.
   *
   * @param next the encoder's queue, which has room
   */
  void filter(Picture picture, FilterCrew crew, BoundedQueue next) throws Exception;

  /**
   * Gives the encoder a filtered picture. The encode thread.
   *
   * @param frame empty; gets the planes and what keeps them alive
   */
  void present(Picture picture, NativeFrame frame) throws Exception;

  /** Lets go of a picture, at whatever stage it was. */
  void release(Picture picture);

  /** How often a stage had to wait for another one's fence. */
  long fenceWaits();

  /** Frees what is left, once both codecs are closed. */
  @Override
  void close();
}
