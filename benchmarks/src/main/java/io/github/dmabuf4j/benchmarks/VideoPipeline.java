package io.github.dmabuf4j.benchmarks;

import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A decoder, a filter and an encoder, each on a thread of its own, with room for a few pictures in
 * between. Whoever calls {@link #next} is the encoder.
 *
 * <p><b>Threads.</b> {@link #start}, {@link #next}, the figures and {@link #close} for one thread;
 * the other two are the pipeline's own.
 */
abstract class VideoPipeline implements AutoCloseable {
  /** How many pictures there is room for between two stages. */
  static final int ROOM = 3;

  final PictureWork decoding;
  final PictureWork filtering;
  final PictureWork encoding;

  /** Set by {@link #close}: the decoder makes no more pictures. */
  volatile boolean stopping;

  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private @Nullable Thread decoder;
  private @Nullable Thread filter;

  VideoPipeline(int width, int height) {
    decoding = new PictureWork(width, height);
    filtering = new PictureWork(width, height);
    encoding = new PictureWork(width, height);
  }

  /** What a stage does until there is nothing more to do. */
  @FunctionalInterface
  private interface Body {
    void run() throws Exception;
  }

  /** Starts both threads. */
  final void start() {
    decoder = start("decoder", this::decodeAll);
    filter = start("filter", this::filterAll);
  }

  private Thread start(String name, Body body) {
    return Thread.ofPlatform()
        .daemon()
        .name(name)
        .start(
            () -> {
              try {
                body.run();
              } catch (Throwable e) {
                failure.compareAndSet(null, e);
                abort();
              }
            });
  }

  /** Makes pictures, until the pipeline is stopping, and says so to the filter. */
  abstract void decodeAll() throws Exception;

  /** Filters pictures until the last one, and says so to the encoder. */
  abstract void filterAll() throws Exception;

  /** Wakes all stages, after a failure: each call of theirs fails. */
  abstract void abort();

  /**
   * Encodes the next picture.
   *
   * @return a checksum of what came out; below 0 at the end
   */
  abstract long encodeNext() throws Exception;

  /** Gives the memory back. */
  abstract void free();

  /** How many bytes were copied from stage to stage so far. */
  abstract long copiedBytes();

  /** The most bytes of memory for pictures so far. */
  abstract long peakBytes();

  /**
   * Encodes the next picture.
   *
   * @return a checksum of what came out
   * @throws IllegalStateException if a stage failed
   */
  final long next() throws Exception {
    try {
      return encodeNext();
    } catch (Exception e) {
      Throwable first = failure.get();
      throw first == null ? e : new IllegalStateException("a stage failed", first);
    }
  }

  /** Encodes what is underway, and ends; fails if a stage failed, or something is left. */
  @Override
  public final void close() throws Exception {
    stopping = true;
    while (next() >= 0) {
      // Until the end.
    }
    if (decoder != null && filter != null) {
      decoder.join();
      filter.join();
    }
    free();
    Throwable first = failure.get();
    if (first != null) {
      throw new IllegalStateException("a stage failed", first);
    }
  }
}
