package io.github.dmabuf4j.examples.demo;

import java.nio.file.Path;
import java.util.Locale;

/**
 * What a run did: the last line of its output, for machines, and what is said to people before.
 *
 * @param frames pictures encoded
 * @param seconds from the first packet read to the end of the file written
 * @param copiedBytes bytes of planes that were copied between stages
 * @param encoderCopied whether the encoder copied its input inside
 * @param peakBytes the most bytes committed at once
 * @param budgetBytes the most that may be
 * @param poolHits buffers that were served from memory used before
 * @param fenceWaits fences that a stage had to wait for
 * @param truncated whether the end is missing: the video is cut, or the run was interrupted
 * @param leaked buffers, mappings, holds and fences still live at the end
 * @param output the file
 * @param heapBytesPerFrame bytes of Java heap allocated per picture, by all threads
 * @param damagedFrames pictures that could be decoded in part or not at all
 */
public record Summary(
    long frames,
    double seconds,
    long copiedBytes,
    boolean encoderCopied,
    long peakBytes,
    long budgetBytes,
    long poolHits,
    long fenceWaits,
    boolean truncated,
    long leaked,
    Path output,
    long heapBytesPerFrame,
    long damagedFrames) {
  /** Pictures per second. */
  public double framesPerSecond() {
    return seconds > 0 ? frames / seconds : 0;
  }

  /** The line for machines. */
  public String line() {
    return String.format(
        Locale.ROOT,
        "summary frames=%d fps=%.1f copied_bytes=%d encoder_copied=%s peak_bytes=%d budget_bytes=%d"
            + " pool_hits=%d fence_waits=%d truncated=%s leaked=%d output=%s",
        frames,
        framesPerSecond(),
        copiedBytes,
        encoderCopied ? "yes" : "no",
        peakBytes,
        budgetBytes,
        poolHits,
        fenceWaits,
        truncated,
        leaked,
        output);
  }
}
