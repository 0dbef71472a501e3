package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.device.sharing.PeerException;
import io.github.dmabuf4j.examples.BadInputException;
import java.io.PrintStream;
import java.time.Duration;

/**
 * Decodes a video for one client, straight into buffers that the client has, too.
 *
 * <p><b>Threads.</b> {@link #stop} for any thread, all else for one.
 */
final class ShareSession {
  /** How long a client may take for a frame. */
  static final Duration PATIENCE = Duration.ofSeconds(20);

  private final ShareOptions options;
  private final Heap heap;
  private final PrintStream messages;
  private volatile boolean stopped;

  /**
   * What became of a client.
   *
   * @param frames how many it was sent
   * @param copiedBytes of pictures that the decoder insisted to make elsewhere
   * @param isGone whether it went before the end
   */
  record Result(long frames, long copiedBytes, boolean isGone) {}

  ShareSession(ShareOptions options, Heap heap, PrintStream messages) {
    this.options = options;
    this.heap = heap;
    this.messages = messages;
  }

  /** Ends the stream early. */
  void stop() {
    stopped = true;
  }

  /**
   * Serves a client until the video ends.
   *
   * @throws BadInputException if the video or the budget can't be used
   */
  Result serve(BufferConnection client) throws Exception {
    long frames = 0;
    long copied = 0;
    boolean isGone = false;
    try (client;
        SharedSlots slots = new SharedSlots(heap, client, options.budgetBytes(), PATIENCE);
        Demuxer source = Demuxer.open(options.video());
        DecodedPictures pictures = new DecodedPictures(slots, true);
        Decoder decoder = Decoder.open(source, pictures, options.threads())) {
      while (!stopped && (options.maxFrames() == 0 || frames < options.maxFrames())) {
        if (!decoder.next()) {
          break;
        }
        Picture picture = picture(decoder, pictures);
        try {
          if (slots.queue(picture.decoded(), frames)) {
            frames++;
            copied += decoder.writesIntoOurMemory() ? 0 : picture.decoded().size();
          }
        } finally {
          picture.release();
        }
      }
      slots.end();
    } catch (PeerException e) {
      isGone = true;
      messages.printf("after %d frames: %s%n", frames, e.getMessage());
    }
    return new Result(frames, copied, isGone);
  }

  private static Picture picture(Decoder decoder, DecodedPictures pictures) throws Exception {
    Picture picture = new Picture();
    picture.width = decoder.width();
    picture.height = decoder.height();
    picture.format = decoder.format();
    pictures.accept(decoder.frame(), picture);
    return picture;
  }
}
