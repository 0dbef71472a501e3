package io.github.dmabuf4j.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The usual way: decoder and encoder have memory of their own, and what one has made is copied for
 * the next. Written to be quick: memory is allocated once and used again, and planes are copied
 * whole.
 *
 * <p><b>Invariant.</b> A picture is in one queue, or in the hands of one stage.
 */
class CopyingPipeline extends VideoPipeline {
  private static final int ALIGNMENT = 64;
  private static final long PATIENCE_SECONDS = 30;

  /** One in each queue's place, and in the hands of each stage. */
  private static final int PICTURES = 2 * ROOM + 3;

  /** A picture between the stages; the last one has no number. */
  private static final class Picture {
    private final MemorySegment decoded;
    private final MemorySegment edges;
    private boolean isLast;

    Picture(MemorySegment decoded, MemorySegment edges) {
      this.decoded = decoded;
      this.edges = edges;
    }
  }

  private final Arena arena = Arena.ofShared();
  private final BlockingQueue<Picture> spare = new ArrayBlockingQueue<>(PICTURES);
  private final BlockingQueue<Picture> toFilter = new ArrayBlockingQueue<>(ROOM);
  private final BlockingQueue<Picture> toEncoder = new ArrayBlockingQueue<>(ROOM);
  private final long pictureBytes = decoding.decoded.totalBytes();
  private final long edgesBytes = decoding.edges.totalBytes();
  private final long chromaBytes = pictureBytes - decoding.chroma();
  private final MemorySegment decodersOwn = arena.allocate(pictureBytes, ALIGNMENT);
  private final MemorySegment encodersLuma = arena.allocate(edgesBytes, ALIGNMENT);
  private final MemorySegment encodersColours = arena.allocate(pictureBytes, ALIGNMENT);
  private volatile boolean aborted;

  /** Of the encoder. */
  private long encoded;

  CopyingPipeline(int width, int height) {
    super(width, height);
    for (int i = 0; i < PICTURES; i++) {
      spare.add(
          new Picture(
              arena.allocate(pictureBytes, ALIGNMENT), arena.allocate(edgesBytes, ALIGNMENT)));
    }
  }

  private Picture take(BlockingQueue<Picture> queue) throws InterruptedException {
    for (long second = 0; second < PATIENCE_SECONDS && !aborted; second++) {
      Picture picture = queue.poll(1, TimeUnit.SECONDS);
      if (picture != null) {
        return picture;
      }
    }
    throw new IllegalStateException("a stage has fallen silent");
  }

  @Override
  void decodeAll() throws InterruptedException {
    for (long number = 0; !stopping; number++) {
      decoding.decode(number, decodersOwn);
      Picture picture = take(spare);
      picture.isLast = false;
      picture.decoded.copyFrom(decodersOwn);
      toFilter.put(picture);
    }
    Picture end = take(spare);
    end.isLast = true;
    toFilter.put(end);
  }

  @Override
  void filterAll() throws InterruptedException {
    Picture picture;
    do {
      picture = take(toFilter);
      if (!picture.isLast) {
        filtering.filter(picture.decoded, picture.edges);
      }
      toEncoder.put(picture);
    } while (!picture.isLast);
  }

  @Override
  long encodeNext() throws InterruptedException {
    Picture picture = take(toEncoder);
    if (picture.isLast) {
      return -1;
    }
    encodersLuma.copyFrom(picture.edges);
    MemorySegment.copy(
        picture.decoded, encoding.chroma(), encodersColours, encoding.chroma(), chromaBytes);
    spare.put(picture);
    encoded++;
    return encoding.encode(encodersLuma, encodersColours);
  }

  @Override
  void abort() {
    aborted = true;
  }

  @Override
  void free() {
    arena.close();
  }

  @Override
  long copiedBytes() {
    return encoded * (pictureBytes + edgesBytes + chromaBytes);
  }

  @Override
  long peakBytes() {
    return PICTURES * (pictureBytes + edgesBytes)
        + decodersOwn.byteSize()
        + encodersLuma.byteSize()
        + encodersColours.byteSize();
  }
}
