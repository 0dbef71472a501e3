package io.github.dmabuf4j.examples.demo;

import java.util.Locale;

/**
 * What a run with a camera did: the last line of its output, for machines.
 *
 * @param frames pictures captured and filtered
 * @param seconds how long that took
 * @param lostFrames pictures that the camera had no buffer for
 * @param damagedFrames pictures whose content the camera called wrong
 * @param copiedBytes bytes of pictures that the filter didn't read where the camera wrote them
 * @param heap where the buffers are from
 * @param peakBytes the most bytes committed at once
 * @param budgetBytes the most that may be
 * @param leaked buffers still live at the end
 */
public record CameraSummary(
    long frames,
    double seconds,
    long lostFrames,
    long damagedFrames,
    long copiedBytes,
    String heap,
    long peakBytes,
    long budgetBytes,
    long leaked) {
  /** The line for machines. */
  public String line() {
    return String.format(
        Locale.ROOT,
        "summary frames=%d fps=%.1f lost_frames=%d damaged_frames=%d copied_bytes=%d heap=%s"
            + " peak_bytes=%d budget_bytes=%d leaked=%d",
        frames,
        seconds > 0 ? frames / seconds : 0,
        lostFrames,
        damagedFrames,
        copiedBytes,
        heap,
        peakBytes,
        budgetBytes,
        leaked);
  }
}
