package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.examples.BadInputException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The pictures of a video, decoded one after the other into buffers of the caller's choice: for
 * whoever does something else with them than the pipeline of the demo.
 *
 * <p><b>Threads.</b> For one thread; the decoder has its own below, on which buffers are asked for.
 */
public final class VideoFrames implements AutoCloseable {
  /** Where the decoder's buffers come from. */
  @FunctionalInterface
  public interface Buffers {
    /**
     * Allocates a buffer. Called on any of the decoder's threads.
     *
     * @param request what the decoder needs, at least
     * @return a buffer, which the decoder closes
     * @throws Exception if there is none; comes out of {@link VideoFrames#next}
     */
    DmaBuf allocate(AllocationRequest request) throws Exception;
  }

  private final Demuxer source;
  private final DecodedPictures pictures;
  private final Decoder decoder;

  private VideoFrames(Demuxer source, DecodedPictures pictures, Decoder decoder) {
    this.source = source;
    this.pictures = pictures;
    this.decoder = decoder;
  }

  /**
   * Opens a video.
   *
   * @param video the file
   * @param buffers where buffers come from
   * @param threads of the decoder, at most
   * @return the pictures, none decoded yet
   * @throws BadInputException if it isn't there, or isn't a video
   */
  public static VideoFrames open(Path video, Buffers buffers, int threads)
      throws BadInputException {
    Ffmpeg.silence();
    Demuxer source = Demuxer.open(video);
    DecodedPictures pictures = new DecodedPictures(buffers::allocate, false);
    try {
      return new VideoFrames(source, pictures, Decoder.open(source, pictures, threads));
    } catch (BadInputException | RuntimeException e) {
      pictures.close();
      source.close();
      throw e;
    }
  }

  /**
   * Decodes the next picture.
   *
   * @return the picture, to be closed, or null at the end
   * @throws BadInputException if the filter can't take such pictures, or their size changes
   * @throws Exception what {@link Buffers#allocate} threw
   */
  public @Nullable VideoFrame next() throws Exception {
    if (!decoder.next()) {
      return null;
    }
    Picture picture = new Picture();
    picture.width = decoder.width();
    picture.height = decoder.height();
    picture.format = decoder.format();
    pictures.accept(decoder.frame(), picture);
    return VideoFrame.of(picture, decoder.frame());
  }

  /**
   * How many pictures there should be.
   *
   * @return a number, 0 if the file doesn't say
   */
  public long expectedFrames() {
    return source.expectedFrames();
  }

  /**
   * Lets go of the decoder. Pictures that were delivered stay good until they are closed
   * themselves.
   */
  @Override
  public void close() {
    decoder.close();
    pictures.close();
    source.close();
  }
}
