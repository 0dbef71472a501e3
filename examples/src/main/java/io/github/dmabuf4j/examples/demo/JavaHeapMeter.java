package io.github.dmabuf4j.examples.demo;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/**
 * How much Java heap a picture costs, all threads together. The first quarter of a run isn't
 * counted, for that is when classes are loaded and code is compiled.
 */
final class JavaHeapMeter {
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private long beginAt;
  private long beginFrames;
  private long beginBytes;

  /** A run of so many pictures begins; 0 if nobody knows. */
  void begin(long expectedFrames) {
    beginAt = expectedFrames / 4;
    beginBytes = threads.getTotalThreadAllocatedBytes();
  }

  /** So many pictures are done. */
  void at(long frames) {
    if (frames == beginAt) {
      beginFrames = frames;
      beginBytes = threads.getTotalThreadAllocatedBytes();
    }
  }

  /** Bytes per picture, at the end of the run. */
  long perFrame(long frames) {
    long bytes = threads.getTotalThreadAllocatedBytes() - beginBytes;
    return bytes / Math.max(1, frames - beginFrames);
  }
}
