package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.examples.BadInputException;
import java.io.PrintStream;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Runs a video through a pipeline, with as many decoder threads as the budget allows.
 *
 * <p><b>Threads.</b> {@link #stop} for any thread, all else for one.
 */
public final class Demo {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final DemoOptions options;
  private final String name;
  private final PrintStream messages;
  private volatile @Nullable Pipeline current;
  private volatile boolean stopped;

  /**
   * Prepares a run.
   *
   * @param name of the results, without extension
   * @param messages where progress and remarks go
   */
  public Demo(DemoOptions options, String name, PrintStream messages) {
    this.options = options;
    this.name = name;
    this.messages = messages;
    Ffmpeg.silence();
  }

  /** Ends a run early: what was begun is encoded, and the file ended properly. */
  public void stop() {
    stopped = true;
    Pipeline running = current;
    if (running != null) {
      running.stop();
    }
  }

  /**
   * Runs the pipeline that hands buffers on.
   *
   * @throws BadInputException if the video or the budget can't be used
   */
  public Summary runShared() throws Exception {
    for (int threads = options.threads(); ; threads = threads / 2) {
      try {
        Summary summary = runShared(threads);
        if (threads < options.threads()) {
          messages.printf(
              "the budget left room for %d decoder %s only%n",
              threads, threads == 1 ? "thread" : "threads");
        }
        return summary;
      } catch (Traffic.StarvedException e) {
        if (threads == 1) {
          throw new BadInputException(String.valueOf(e.getMessage()));
        }
      }
    }
  }

  private Summary runShared(int threads) throws Exception {
    Heap heap = open();
    Summary summary;
    try {
      Traffic traffic = new Traffic();
      Pipeline.Result result = run(new SharedFrames(heap, traffic), traffic, withThreads(threads));
      HeapStatistics figures = heap.statistics();
      summary =
          summary(
              result,
              options.budgetBytes(),
              figures.peakCommittedBytes(),
              figures.poolHits(),
              leaks(heap));
    } catch (OutOfBuffersException e) {
      throw new BadInputException(
          "a budget of %d bytes is too small, a frame alone needs %d"
              .formatted(options.budgetBytes(), e.requestedBytes()));
    } finally {
      close(heap);
    }
    return summary;
  }

  /** Runs the pipeline that copies, to compare with. */
  public Summary runCopying() throws Exception {
    Traffic traffic = new Traffic();
    Pipeline.Result result = run(new CopiedFrames(), traffic, options);
    return summary(result, options.budgetBytes(), 0, 0, NativeHandles.live());
  }

  private Heap open() throws BadInputException {
    try {
      return Heaps.open("offheap:system?limit=" + options.budgetBytes());
    } catch (IllegalArgumentException e) {
      throw new BadInputException(
          "a budget of %d bytes can't be used: %s"
              .formatted(options.budgetBytes(), e.getMessage()));
    }
  }

  private void close(Heap heap) throws InterruptedException {
    if (!heap.drain(PATIENCE)) {
      messages.println("leaked: " + heap.info());
    }
  }

  private DemoOptions withThreads(int threads) {
    return new DemoOptions(
        options.video(),
        options.folder(),
        options.budgetBytes(),
        options.maxFrames(),
        options.loops(),
        threads);
  }

  private static Summary summary(
      Pipeline.Result result, long budget, long peak, long poolHits, long leaked) {
    return new Summary(
        result.frames(),
        result.seconds(),
        result.copiedBytes(),
        result.encoderCopied(),
        peak,
        budget,
        poolHits,
        result.fenceWaits(),
        result.truncated(),
        leaked,
        result.output(),
        result.javaHeapPerFrame(),
        result.damagedFrames());
  }

  private Pipeline.Result run(Handover handover, Traffic traffic, DemoOptions how)
      throws Exception {
    Pipeline pipeline = new Pipeline(how, handover, traffic, name, messages);
    current = pipeline;
    if (stopped) {
      pipeline.stop();
    }
    return pipeline.run();
  }

  /** Counts what is still alive when everything was closed. */
  private static long leaks(Heap heap) {
    long leaked = NativeHandles.live();
    for (BufInfo.Buffer buffer : heap.info().buffers()) {
      leaked +=
          1L
              + buffer.holds()
              + buffer.pins()
              + buffer.attachments().size()
              + buffer.fences().size();
    }
    return leaked;
  }
}
