package io.github.dmabuf4j.examples.gpu;

import java.nio.file.Path;
import java.util.Locale;

/**
 * What a run did: the last line of its output, for machines.
 *
 * @param frames pictures filtered
 * @param copiedBytes bytes of planes that were copied between the stages
 * @param maxDifference the largest difference of a pixel of the device's from the same of the CPU's
 * @param differentPixels how many pixels differ
 * @param device what its driver calls it
 * @param path how it got at the bytes
 * @param completion how the others learnt that it was done
 * @param heap where the bytes lay
 * @param leaked buffers and objects of Vulkan still live at the end
 * @param folder where the pictures are
 */
public record GpuSummary(
    long frames,
    long copiedBytes,
    int maxDifference,
    long differentPixels,
    String device,
    MemoryPath path,
    String completion,
    String heap,
    long leaked,
    Path folder) {
  /**
   * The line for machines.
   *
   * @return pairs of name and value, the device's name in quotes
   */
  public String line() {
    return String.format(
        Locale.ROOT,
        "summary frames=%d copied_bytes=%d max_difference=%d different_pixels=%d device=\"%s\""
            + " path=%s completion=%s heap=%s leaked=%d output=%s",
        frames,
        copiedBytes,
        maxDifference,
        differentPixels,
        device,
        path,
        completion,
        heap,
        leaked,
        folder);
  }
}
