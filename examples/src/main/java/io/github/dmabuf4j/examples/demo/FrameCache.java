package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.examples.BadInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All pictures of a video, as an editor keeps them that one can scrub in: in a heap that has no
 * room for them all. Key frames are needed, and are evicted when memory is short; the others can be
 * decoded again, from the key frame before them, and are dropped first.
 *
 * <p><b>Threads.</b> For one thread; the decoder has its own below.
 */
final class FrameCache implements AutoCloseable {
  private static final long NO_TIMESTAMP = Long.MIN_VALUE;

  /** A picture that was seen once. */
  private static final class Shot {
    final long timestamp;
    final boolean key;
    @Nullable CachedFrame frame;

    Shot(long timestamp, boolean key) {
      this.timestamp = timestamp;
      this.key = key;
    }

    void keep(CachedFrame fresh) {
      CachedFrame old = frame;
      frame = fresh;
      if (old != null) {
        old.close();
      }
      fresh.advise(key ? Advice.WILL_NEED : Advice.DONT_NEED);
    }
  }

  private Demuxer source;
  private final DecodedPictures pictures;
  private final Decoder decoder;
  private final List<Shot> shots = new ArrayList<>();
  private long largestBytes;
  private long decodedAgain;
  private long restored;
  private long restoringNanos;
  private long decodingNanos;

  private FrameCache(Demuxer source, DecodedPictures pictures, Decoder decoder) {
    this.source = source;
    this.pictures = pictures;
    this.decoder = decoder;
  }

  /** Opens a video, for pictures in a heap. */
  static FrameCache open(DemoOptions options, Heap heap) throws BadInputException {
    Demuxer source = Demuxer.open(options.video());
    DecodedPictures pictures = new DecodedPictures(heap::allocate, false);
    try {
      return new FrameCache(source, pictures, Decoder.open(source, pictures, options.threads()));
    } catch (BadInputException | RuntimeException e) {
      pictures.close();
      source.close();
      throw e;
    }
  }

  /**
   * Decodes the next picture.
   *
   * @param keep whether to keep it
   * @return its hash, or null at the end
   */
  @Nullable String decodeNext(boolean keep) throws Exception {
    if (!decoder.next()) {
      return null;
    }
    if (decoder.timestamp() == NO_TIMESTAMP) {
      throw new BadInputException(
          source.file() + " has pictures without a time, which can't be found again");
    }
    Shot shot = new Shot(decoder.timestamp(), shots.isEmpty() || decoder.isKeyFrame());
    shots.add(shot);
    CachedFrame frame = delivered();
    largestBytes = Math.max(largestBytes, frame.bytes());
    String hash = hashOf(frame);
    if (keep) {
      shot.keep(frame);
    } else {
      frame.close();
    }
    return hash;
  }

  /** Of a picture that nobody has yet: before it is offered, for then it may be gone at once. */
  private static String hashOf(CachedFrame fresh) throws InterruptedException {
    boolean done = false;
    try {
      String hash = fresh.hash();
      done = true;
      return hash;
    } finally {
      if (!done) {
        fresh.close();
      }
    }
  }

  private CachedFrame delivered() throws Exception {
    Picture picture = new Picture();
    picture.width = decoder.width();
    picture.height = decoder.height();
    picture.format = decoder.format();
    pictures.accept(decoder.frame(), picture);
    return new CachedFrame(picture);
  }

  /** How many pictures there should be, 0 if the file doesn't say. */
  long expectedFrames() {
    return source.expectedFrames();
  }

  /** What all pictures that were seen would take. */
  long bytesOfAll() {
    return largestBytes * shots.size();
  }

  /** How many pictures were seen. */
  int size() {
    return shots.size();
  }

  /**
   * The hash of a picture, from wherever it is: memory, the heap's store, or the video.
   *
   * @param index its number
   */
  String hash(int index) throws Exception {
    CachedFrame frame = shots.get(index).frame;
    if (frame != null) {
      boolean evicted = frame.residency() == Residency.EVICTED;
      long start = System.nanoTime();
      try {
        String hash = frame.hash();
        if (evicted) {
          restored++;
          restoringNanos += System.nanoTime() - start;
        }
        return hash;
      } catch (BufferPurgedException e) {
        // That is what DONT_NEED was about.
      }
    }
    long start = System.nanoTime();
    String hash = decodeAgain(index);
    decodingNanos += System.nanoTime() - start;
    return hash;
  }

  /**
   * Decodes what was dropped between the last key frame and a picture, and that picture. Where the
   * file is entered too late for that key frame, it is entered earlier.
   */
  private String decodeAgain(int index) throws Exception {
    int key = keyAtOrBefore(index);
    for (int entry = key; entry > 0; entry = keyAtOrBefore(entry - 1)) {
      source.seek(shots.get(entry).timestamp);
      String hash = decodeFrom(key, index);
      if (hash != null) {
        return hash;
      }
    }
    Path file = source.file();
    source.close();
    source = Demuxer.open(file);
    String hash = decodeFrom(key, index);
    if (hash == null) {
      throw new BadInputException(
          "%s gives other pictures when it is read again: number %d is missing"
              .formatted(file, index));
    }
    return hash;
  }

  /** The first picture is as good as one: nothing comes before it. */
  private int keyAtOrBefore(int index) {
    int key = index;
    while (key > 0 && !shots.get(key).key) {
      key--;
    }
    return key;
  }

  /** Null if the key frame was already behind. */
  private @Nullable String decodeFrom(int key, int index) throws Exception {
    decoder.restart(source);
    int next = key;
    while (decoder.next()) {
      long timestamp = decoder.timestamp();
      if (timestamp < shots.get(key).timestamp) {
        continue; // it may refer to what was not read, and be damaged
      }
      if (next == key && timestamp != shots.get(key).timestamp) {
        return null;
      }
      while (next < index && shots.get(next).timestamp < timestamp) {
        next++;
      }
      if (shots.get(next).timestamp == timestamp) {
        String hash = putBack(shots.get(next), next == index);
        if (hash != null) {
          return hash;
        }
        next++;
      }
    }
    return null;
  }

  /** Keeps what was just decoded, if it isn't there; the hash of the picture that is wanted. */
  private @Nullable String putBack(Shot shot, boolean wanted) throws Exception {
    CachedFrame present = shot.frame;
    if (!wanted && present != null && present.residency() != Residency.PURGED) {
      return null;
    }
    CachedFrame fresh = delivered();
    String hash = wanted ? hashOf(fresh) : null;
    shot.keep(fresh);
    decodedAgain++;
    return hash;
  }

  /** How many pictures were decoded again. */
  long decodedAgain() {
    return decodedAgain;
  }

  /** How many pictures came back from the store when they were looked at. */
  long restored() {
    return restored;
  }

  /** How long it took to bring them back, with the hash of each. */
  double restoringSeconds() {
    return restoringNanos / 1e9;
  }

  /** How long it took to decode again what was dropped, with the hashes. */
  double decodingSeconds() {
    return decodingNanos / 1e9;
  }

  /** Lets go of all pictures. */
  @Override
  public void close() {
    for (Shot shot : shots) {
      CachedFrame frame = shot.frame;
      if (frame != null) {
        frame.close();
      }
    }
    decoder.close();
    pictures.close();
    source.close();
  }
}
