package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.benchmarks.command.FootprintProfiler;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Measure;
import io.github.dmabuf4j.benchmarks.report.Peer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The demo's stages, decode, filter and encode, in three threads: pictures per second with managed
 * buffers that are handed on, beside the same stages with memory of their own and copies between
 * them. FFmpeg isn't here: it would double the size of this program, and only where there is a
 * build of it. In its place {@link PictureWork} reads and writes every sample; it is quicker than a
 * codec, so that what the hand-over costs shows more. {@code ./dmabuf4j demo --compare} has the
 * real ones.
 *
 * <p>{@code copied.each} is how many bytes were copied from stage to stage for a picture: by the
 * copying pipeline's account, and for ours none as long as the encoder finds the colours at the
 * address at which the decoder wrote them. {@code committed.peak} is the most memory for pictures.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar PipelineBenchmark -prof gc -prof io.github.dmabuf4j.benchmarks.command.FootprintProfiler
 * </pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 3, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@SuppressWarnings("NullAway.Init") // by JMH
public class PipelineBenchmark {
  /** How pictures get from stage to stage. */
  @Param({"dmabuf4j", "copying"})
  public String strategy;

  /** Width and height. */
  @Param({"720x405", "1920x1080"})
  public String picture;

  private VideoPipeline pipeline;
  private long encoded;

  /** Starts it. */
  @Setup
  public void begin() {
    int by = picture.indexOf('x');
    int width = Integer.parseInt(picture.substring(0, by));
    int height = Integer.parseInt(picture.substring(by + 1));
    pipeline =
        switch (strategy) {
          case "dmabuf4j" -> new SharingPipeline(width, height);
          case "copying" -> new CopyingPipeline(width, height);
          default -> throw new IllegalArgumentException("wanted a strategy, got " + strategy);
        };
    pipeline.start();
  }

  /** Counts bytes. */
  @TearDown(Level.Iteration)
  public void weigh() {
    FootprintProfiler.note("copied.each", (double) pipeline.copiedBytes() / Math.max(1, encoded));
    FootprintProfiler.note("committed.peak", (double) pipeline.peakBytes());
  }

  /** Ends it; fails if something is left. */
  @TearDown
  public void end() throws Exception {
    pipeline.close();
  }

  /** The next picture comes out. */
  @Bar(
      row = "pipeline: pictures per second, against copying",
      of = "strategy=dmabuf4j",
      peers = @Peer(with = "strategy=copying"),
      atMost = 1,
      stretch = 0.77)
  @Bar(
      row = "pipeline: bytes copied between stages for each picture",
      of = "strategy=dmabuf4j",
      measure = Measure.COUNTER,
      counter = "copied.each",
      atMost = 0)
  @Bar(
      row = "pipeline: Java heap for each picture",
      of = "strategy=dmabuf4j",
      measure = Measure.JAVA_HEAP,
      atMost = 2048,
      stretch = 200)
  @Benchmark
  public long encode() throws Exception {
    encoded++;
    return pipeline.next();
  }
}
