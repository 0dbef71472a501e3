package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.examples.BadInputException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Three threads and two queues between them: decode, filter, encode. The first failure ends all
 * three; so does {@link #stop}, after what was begun has been encoded and the file ended properly.
 *
 * <p><b>Threads.</b> {@link #run} once, on one thread; {@link #stop} on any.
 */
final class Pipeline {
  /** Pictures in both queues and in the hands of each stage. */
  private static final int PICTURES = 2 * Handover.QUEUE_CAPACITY + 3;

  /** Every so many pictures one goes into the contact sheet. */
  private static final int SHEET_EVERY = 20;

  private final DemoOptions options;
  private final Handover handover;
  private final Traffic traffic;
  private final String name;
  private final PrintStream messages;
  private final Provenance provenance;
  private final PictureQueue toFilter;
  private final PictureQueue toEncoder;
  private final BlockingQueue<Picture> spare = new ArrayBlockingQueue<>(PICTURES);
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private final JavaHeapMeter javaHeap = new JavaHeapMeter();
  private volatile boolean stopping;
  private boolean truncated;

  /**
   * Makes a pipeline.
   *
   * @param name of the results, without extension
   * @param messages where progress goes
   */
  Pipeline(
      DemoOptions options, Handover handover, Traffic traffic, String name, PrintStream messages) {
    this.options = options;
    this.handover = handover;
    this.toFilter = handover.toFilter();
    this.toEncoder = handover.toEncoder();
    this.traffic = traffic;
    this.name = name;
    this.messages = messages;
    this.provenance = new Provenance(handover.isInHeap());
    for (int i = 0; i < PICTURES; i++) {
      spare.add(new Picture());
    }
  }

  /**
   * What a run gave.
   *
   * @param frames pictures encoded
   */
  record Result(
      long frames,
      double seconds,
      long copiedBytes,
      boolean encoderCopied,
      long fenceWaits,
      boolean truncated,
      long damagedFrames,
      long javaHeapPerFrame,
      Path output) {}

  /**
   * Ends the run early but properly, after one picture at least: a file without pictures can't be
   * played. Doesn't wait.
   */
  void stop() {
    stopping = true;
    traffic.stop();
  }

  /**
   * Runs the video through.
   *
   * @throws CancellationException if it was stopped before there was memory for one picture
   */
  Result run() throws Exception {
    try (handover;
        Demuxer first = Demuxer.open(options.video());
        Decoder decoder = Decoder.open(first, handover, options.threads());
        FilterCrew crew = new FilterCrew(Math.max(1, Runtime.getRuntime().availableProcessors()))) {
      if (!decoder.next()) {
        throw new BadInputException(options.video() + ": not one picture could be decoded");
      }
      Path output = options.folder().resolve(name + ".mp4");
      boolean begun = false;
      try (Encoder encoder =
          Encoder.open(output, first, decoder.width(), decoder.height(), encoderThreads())) {
        begun = true;
        Result result = run(first, decoder, crew, encoder, output);
        remark(first, decoder); // only now: a failure is one line
        return result;
      } catch (Throwable e) {
        if (begun) {
          Files.deleteIfExists(output); // without its end it can't be played
        }
        throw e;
      }
    }
  }

  /** Says what of the video was lost on the way. */
  private void remark(Demuxer first, Decoder decoder) {
    if (first.soundStreams() > 0) {
      messages.printf("the sound of %s was dropped%n", options.video().getFileName());
    }
    if (!decoder.writesIntoOurMemory()) {
      messages.printf(
          "the decoder %s uses memory of its own: its pictures were copied%n", decoder.codecName());
    }
    if (!Provenance.handsChromaOn(decoder.format())) {
      messages.printf(
          "colour was dropped: the encoder takes that of I420 only, not of %s%n", decoder.format());
    }
  }

  private static int encoderThreads() {
    return Math.min(4, Runtime.getRuntime().availableProcessors());
  }

  private Result run(Demuxer first, Decoder decoder, FilterCrew crew, Encoder encoder, Path output)
      throws Exception {
    long begin = System.nanoTime();
    Thread filtering = start("filter", () -> filter(crew));
    Thread encoding = start("encode", () -> encode(encoder, first));
    try {
      decode(first, decoder);
    } catch (CancellationException e) {
      truncated = true; // stopped while waiting for memory: what was delivered is still encoded
    } catch (Throwable e) {
      fail(e);
    } finally {
      toFilter.end();
      filtering.join();
      encoding.join();
      releaseAll();
    }
    rethrow();
    if (encoder.frames() == 0) {
      throw new CancellationException("stopped before the first picture");
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    return new Result(
        encoder.frames(),
        seconds,
        provenance.copiedBytes(),
        encoder.copiedInput(),
        handover.fenceWaits(),
        truncated,
        decoder.damagedFrames(),
        javaHeap.perFrame(encoder.frames()),
        output);
  }

  /** What a stage does; its failure is the pipeline's. */
  @FunctionalInterface
  private interface Body {
    void run() throws Exception;
  }

  private Thread start(String stage, Body body) {
    return Thread.ofPlatform()
        .name("dmabuf4j-" + stage)
        .start(
            () -> {
              try {
                body.run();
              } catch (Throwable e) {
                fail(e);
              }
            });
  }

  private void fail(Throwable problem) {
    failure.compareAndSet(null, problem);
    stopping = true;
    traffic.stop();
    toFilter.close();
    toEncoder.close();
    spare.offer(new Picture()); // wakes the decode thread up; it looks at stopping first
  }

  private void rethrow() throws Exception {
    Throwable problem = failure.get();
    if (problem instanceof Exception exception) {
      throw exception;
    } else if (problem instanceof Error error) {
      throw error;
    }
  }

  private boolean hasFailed() {
    return failure.get() != null;
  }

  // ---- decode ----

  private void decode(Demuxer first, Decoder decoder) throws Exception {
    long index = 0;
    Clock clock = new Clock(first);
    int loop = 0;
    do {
      Demuxer source = loop == 0 ? first : Demuxer.open(options.video());
      try {
        boolean more = true;
        if (loop > 0) {
          decoder.restart(source);
          clock.restart();
          more = decoder.next();
        }
        long before = index;
        while (more && !isEnough(index) && !isStopped(index)) {
          deliver(decoder, index++, clock);
          more = decoder.next();
        }
        truncated |= !more && (source.isCut(index - before) || decoder.isDamagedAtEnd());
        truncated |= more && !isEnough(index);
      } finally {
        if (loop > 0) {
          source.close();
        }
      }
    } while (++loop < options.loops() && !isEnough(index) && !stopping);
    truncated |= loop < options.loops() && !isEnough(index);
  }

  /** Whether to deliver no more: a file without one picture can't be played. */
  private boolean isStopped(long frames) {
    return stopping && frames > 0;
  }

  private boolean isEnough(long frames) {
    return options.maxFrames() > 0 && frames >= options.maxFrames();
  }

  private void deliver(Decoder decoder, long index, Clock clock) throws Exception {
    Picture picture = spare.take();
    if (hasFailed()) {
      return;
    }
    picture.index = index;
    picture.time = clock.next(decoder.timestamp());
    picture.width = decoder.width();
    picture.height = decoder.height();
    picture.format = decoder.format();
    NativeFrame frame = decoder.frame();
    for (int plane = 0; plane < Picture.MAX_PLANES; plane++) {
      picture.trail.atDecoderOutput[plane] = frame.plane(plane);
    }
    try {
      handover.accept(frame, picture);
    } catch (Throwable e) {
      handover.release(picture);
      throw e;
    }
    frame.clear();
    traffic.delivered();
    if (toFilter.awaitRoom(picture)) {
      toFilter.add(picture);
    } else {
      handover.release(picture);
    }
  }

  // ---- filter ----

  private void filter(FilterCrew crew) throws Exception {
    try {
      for (Picture picture = toFilter.take(); picture != null; picture = toFilter.take()) {
        handover.filter(picture, crew);
      }
    } finally {
      toEncoder.end();
    }
  }

  // ---- encode ----

  private void encode(Encoder encoder, Demuxer first) throws Exception {
    long expected = first.expectedFrames();
    ContactSheet sheet = new ContactSheet(options.folder(), name + "-sheet");
    javaHeap.begin(expectedFrames(expected));
    try (Progress progress = new Progress(messages, name, expectedFrames(expected))) {
      for (Picture picture = toEncoder.take(); picture != null; picture = toEncoder.take()) {
        try {
          encode(picture, encoder, sheet, expected);
        } finally {
          handover.release(picture);
        }
        progress.step();
        javaHeap.at(encoder.frames());
        traffic.arrived();
        spare.offer(picture);
      }
    }
    if (!hasFailed()) {
      encoder.finish();
      sheet.finish();
    }
  }

  private long expectedFrames(long perLoop) {
    long all = perLoop * options.loops();
    return options.maxFrames() > 0 && (all == 0 || options.maxFrames() < all)
        ? options.maxFrames()
        : all;
  }

  private void encode(Picture picture, Encoder encoder, ContactSheet sheet, long firstLoop)
      throws Exception {
    NativeFrame frame = encoder.frame();
    handover.present(picture, frame);
    for (int plane = 0; plane < Picture.MAX_PLANES; plane++) {
      picture.trail.atEncoderInput[plane] = frame.plane(plane);
    }
    provenance.check(picture);
    boolean inFirstLoop = options.loops() == 1 || picture.index < firstLoop;
    if (picture.index % SHEET_EVERY == 0 && inFirstLoop) {
      sheet.add(frame, picture.width, picture.height);
    }
    encoder.encode(picture.time);
  }

  /** Lets go of what was on its way when a stage failed. */
  private void releaseAll() {
    releaseLeftOvers(toFilter);
    releaseLeftOvers(toEncoder);
  }

  private void releaseLeftOvers(PictureQueue queue) {
    queue.close();
    for (Picture left = queue.takeLeftOver(); left != null; left = queue.takeLeftOver()) {
      handover.release(left);
    }
  }
}
