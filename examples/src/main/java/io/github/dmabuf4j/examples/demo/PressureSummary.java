package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.ReclaimStatistics;
import java.util.Locale;

/**
 * What a run under memory pressure did: the last line of its output, for machines.
 *
 * @param frames pictures in the video
 * @param framesPerSecond how fast they were played backwards
 * @param workingSetBytes what all of them would take
 * @param budgetBytes the most that may be
 * @param peakBytes the most bytes committed at once
 * @param atTurn what was evicted and purged when the film turned round
 * @param atEnd the same at the end
 * @param restored pictures that came back from the store when they were shown
 * @param restoringSeconds how long that took
 * @param decodedAgain pictures that were dropped and decoded again
 * @param decodingSeconds how long that took
 * @param mismatches pictures that weren't those of a run without pressure
 * @param leaked buffers, mappings, holds and fences still live at the end
 */
public record PressureSummary(
    long frames,
    double framesPerSecond,
    long workingSetBytes,
    long budgetBytes,
    long peakBytes,
    ReclaimStatistics atTurn,
    ReclaimStatistics atEnd,
    long restored,
    double restoringSeconds,
    long decodedAgain,
    double decodingSeconds,
    long mismatches,
    long leaked) {
  /** What needed no memory when the film turned round: evicted or dropped, less what is stored. */
  public long savedBytes() {
    return atTurn.evictedBytes() + atTurn.purgedBytes() - atTurn.storedBytes();
  }

  /** The line for machines. */
  public String line() {
    return String.format(
        Locale.ROOT,
        "summary frames=%d fps=%.1f working_set_bytes=%d budget_bytes=%d peak_bytes=%d evicted=%d"
            + " restored=%d purged=%d decoded_again=%d evicted_bytes=%d stored_bytes=%d"
            + " saved_bytes=%d restore_seconds=%.3f decode_seconds=%.3f mismatches=%d leaked=%d",
        frames,
        framesPerSecond,
        workingSetBytes,
        budgetBytes,
        peakBytes,
        atEnd.evictions(),
        restored,
        atEnd.purges(),
        decodedAgain,
        atTurn.evictedBytes(),
        atTurn.storedBytes(),
        savedBytes(),
        restoringSeconds,
        decodingSeconds,
        mismatches,
        leaked);
  }
}
