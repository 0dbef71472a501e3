package io.github.dmabuf4j.examples.demo;

/**
 * How pictures get from stage to stage: the one thing in which the two pipelines differ. {@link
 * SharedFrames} hands buffers on, {@link CopiedFrames} copies their content.
 */
interface Handover extends DecoderMemory, AutoCloseable {
  /** How many pictures a queue has room for. */
  int QUEUE_CAPACITY = 3;

  /** Whether every plane must lie in a buffer of a heap. */
  boolean isInHeap();

  /** The queue from the decoder to the filter. */
  PictureQueue toFilter();

  /** The queue from the filter to the encoder. */
  PictureQueue toEncoder();

  /**
   * Takes a decoded picture over, and makes room for what the filter will make of it. The decode
   * thread; may wait for memory.
   *
   * @param frame what the decoder delivered, still the caller's
   * @param picture gets the buffers and where the planes lie in them
   */
  void accept(NativeFrame frame, Picture picture) throws Exception;

  /**
   * Filters a picture and hands it on, once the encoder's queue has room; lets go of it if that is
   * closed. The filter thread.
   */
  void filter(Picture picture, FilterCrew crew) throws Exception;

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
