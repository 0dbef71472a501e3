package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.ReclaimStatistics;
import io.github.dmabuf4j.examples.BadInputException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;

/**
 * Keeps every picture of a video in a heap that has room for a fifth of them, and plays it
 * backwards from there: what is needed is evicted and comes back, what isn't is dropped and decoded
 * again, and each picture must be the same as in a run with room for all.
 *
 * <p><b>Threads.</b> {@link #stop} for any thread, all else for one.
 */
public final class PressureDemo {
  /** What part of all pictures the budget has room for, unless it is given. */
  private static final int SHARE = 5;

  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final DemoOptions options;
  private final PrintStream messages;
  private volatile boolean stopped;

  /**
   * Prepares a run.
   *
   * @param options the video, and a budget of 0 for a fifth of what its pictures take
   * @param messages where progress and remarks go
   */
  public PressureDemo(DemoOptions options, PrintStream messages) {
    this.options = options;
    this.messages = messages;
    Ffmpeg.silence();
  }

  /** Ends a run early. */
  public void stop() {
    stopped = true;
  }

  /** What the pictures are without pressure. */
  private record Reference(List<String> hashes, long bytes) {}

  /**
   * Runs it.
   *
   * @throws BadInputException if the video or the budget can't be used
   * @throws CancellationException if it was stopped
   */
  public PressureSummary run() throws Exception {
    Reference reference = decodeWithoutPressure();
    long budget = options.budgetBytes();
    if (budget == 0) {
      budget = Math.ceilDiv(reference.bytes, SHARE);
    }
    Heap heap =
        open(
            "offheap:system?limit=%d&swap=compressed&swap-second=file&swap-second-limit=%d"
                .formatted(budget, reference.bytes));
    try {
      return play(reference, heap);
    } catch (OutOfBuffersException e) {
      throw new BadInputException(
          "a budget of %d bytes is too small for what the decoder and the needed pictures take: %s"
              .formatted(budget, e.getMessage()));
    } finally {
      close(heap);
    }
  }

  /** One picture after the other: none is kept. */
  private Reference decodeWithoutPressure() throws Exception {
    Heap heap = open("offheap:system");
    try (FrameCache cache = FrameCache.open(options, heap)) {
      List<String> hashes = decode(cache, "decode", false);
      return new Reference(hashes, cache.bytesOfAll());
    } finally {
      close(heap);
    }
  }

  private List<String> decode(FrameCache cache, String task, boolean keep) throws Exception {
    List<String> hashes = new ArrayList<>();
    try (Progress progress = new Progress(messages, task, cache.expectedFrames())) {
      String hash = cache.decodeNext(keep);
      while (hash != null) {
        checkStopped();
        hashes.add(hash);
        progress.step();
        boolean enough = options.maxFrames() > 0 && hashes.size() >= options.maxFrames();
        hash = enough ? null : cache.decodeNext(keep);
      }
    }
    if (hashes.isEmpty()) {
      throw new BadInputException(options.video() + " has no picture that can be decoded");
    }
    return hashes;
  }

  private PressureSummary play(Reference reference, Heap heap) throws Exception {
    long mismatches;
    ReclaimStatistics atTurn;
    double seconds;
    FrameCache cache = FrameCache.open(options, heap);
    try (cache) {
      mismatches = mismatches(decode(cache, "cache", true), reference.hashes);
      // The editor isn't looked at for a while: it gives up what it can.
      long _ = heap.shrinker().reclaim(Long.MAX_VALUE, AllocPolicy.NORMAL);
      atTurn = heap.shrinker().statistics();
      long start = System.nanoTime();
      mismatches += backwards(cache, reference.hashes);
      seconds = (System.nanoTime() - start) / 1e9;
    }
    return new PressureSummary(
        cache.size(),
        cache.size() / seconds,
        reference.bytes,
        heap.limitBytes(),
        heap.statistics().peakCommittedBytes(),
        atTurn,
        heap.shrinker().statistics(),
        cache.restored(),
        cache.restoringSeconds(),
        cache.decodedAgain(),
        cache.decodingSeconds(),
        mismatches,
        heap.statistics().liveBuffers() + NativeHandles.live());
  }

  private static long mismatches(List<String> hashes, List<String> expected) {
    long mismatches = Math.abs(hashes.size() - expected.size());
    for (int i = 0; i < Math.min(hashes.size(), expected.size()); i++) {
      mismatches += hashes.get(i).equals(expected.get(i)) ? 0 : 1;
    }
    return mismatches;
  }

  private long backwards(FrameCache cache, List<String> expected) throws Exception {
    long mismatches = 0;
    try (Progress progress = new Progress(messages, "backwards", cache.size())) {
      for (int i = cache.size() - 1; i >= 0; i--) {
        checkStopped();
        mismatches += cache.hash(i).equals(expected.get(i)) ? 0 : 1;
        progress.step();
      }
    }
    return mismatches;
  }

  private void checkStopped() {
    if (stopped) {
      throw new CancellationException("stopped");
    }
  }

  private Heap open(String uri) throws BadInputException {
    try {
      return Heaps.open(uri);
    } catch (IllegalArgumentException | HeapUnavailableException e) {
      throw new BadInputException(
          "a heap \"%s\" can't be opened: %s".formatted(uri, e.getMessage()));
    }
  }

  private void close(Heap heap) throws InterruptedException {
    if (!heap.drain(PATIENCE)) {
      messages.println("leaked: " + heap.info());
    }
  }
}
