package io.github.dmabuf4j.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.examples.TestVideos;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What the heap says it has committed is what the kernel says this process has. */
@EnabledOnOs(OS.LINUX)
final class PeakBytesTest {
  /**
   * Pages that come and go meanwhile without us: compiled code, thread stacks, the Java heap, of
   * whatever the JVM does between two readings.
   */
  private static final long NOISE = 4 << 20;

  /**
   * Bytes that are committed but were never touched have no page: the rounding up of blocks to
   * their size class (1/8 at most), and what of a slab isn't handed out.
   */
  private static final double UNTOUCHED = 0.25;

  @TempDir private Path folder;

  /*
   * Nothing is asserted of the time in between: FFmpeg's own memory comes and goes then. Blocks are
   * idle for longer than the run takes before they are given back, so that what is committed after
   * it is what was at its peak, or less on a very slow machine.
   */
  @Test
  void committedBytes_areWhatTheKernelTakesBackAtTheEnd() throws Exception {
    Path video =
        TestVideos.make(
            folder.resolve("hd.mpg"),
            "-s",
            "1920x1080",
            "-c:v",
            "mpeg2video",
            "-q:v",
            "10",
            "-frames:v",
            "30");
    Heap heap = Heaps.open("offheap:system?limit=128MiB");
    HeapStatistics figures;
    long before;
    try (heap;
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream())) {
      Traffic traffic = new Traffic();
      DemoOptions options = new DemoOptions(video, folder, 128 << 20, 0, 1, 2);
      new Pipeline(options, new SharedFrames(heap, traffic), traffic, "hd-edges", nowhere).run();
      before = residentBytes();
      figures = heap.statistics();
    }
    long given = before - residentBytes();

    assertThat(figures.peakCommittedBytes())
        .isGreaterThanOrEqualTo(figures.committedBytes())
        .isLessThanOrEqualTo(128 << 20);
    assertThat(given)
        .isBetween(
            (long) (figures.committedBytes() * (1 - UNTOUCHED)) - NOISE,
            figures.peakCommittedBytes() + NOISE);
  }

  private static long residentBytes() throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/smaps_rollup"))) {
      if (line.startsWith("Rss:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    throw new AssertionError("no Rss in smaps_rollup");
  }
}
