package io.github.dmabuf4j.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A run that is stopped encodes what was begun, and says so if that isn't all. */
@Timeout(60) // a stage that waits for one that has ended fails instead of hanging
final class StopTest {
  private static final long FRAMES = 190;

  @TempDir private Path folder;

  /** Stops the run that it is a part of, when the encoder gets a picture. */
  private static final class Stopping extends DelegatingHandover {
    private final long index;
    private final CompletableFuture<Pipeline> pipeline = new CompletableFuture<>();

    Stopping(Handover real, long index) {
      super(real);
      this.index = index;
    }

    @Override
    public void present(Picture picture, NativeFrame frame) throws Exception {
      if (picture.index == index) {
        pipeline.join().stop();
      }
      super.present(picture, frame);
    }
  }

  private Pipeline.Result run(String name, boolean copying, String budget, long stopAt, long frames)
      throws Exception {
    Ffmpeg.silence(); // it says so when it gets no buffer
    try (Clip clip = Clip.unpack();
        Heap heap = Heaps.open("offheap:system?limit=" + budget);
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream())) {
      Traffic traffic = new Traffic();
      DemoOptions options = new DemoOptions(clip.file(), folder, heap.limitBytes(), frames, 1, 1);
      Handover real = copying ? new CopiedFrames() : new SharedFrames(heap, traffic);
      Stopping stopping = new Stopping(real, stopAt);
      Pipeline pipeline = new Pipeline(options, stopping, traffic, name, nowhere);
      if (stopAt < 0) {
        pipeline.stop();
      }
      stopping.pipeline.complete(pipeline);
      Pipeline.Result result = pipeline.run();
      assertThat(heap.drain(Duration.ZERO)).as("%s", heap.info()).isTrue();
      assertThat(DecodedFrames.count(result.output())).isEqualTo(result.frames());
      return result;
    }
  }

  @Test
  void stoppedBeforeItBegan_encodesOnePicture() throws Exception {
    Pipeline.Result result = run("early", false, "64MiB", -1, 0);

    assertThat(result.frames()).isEqualTo(1);
    assertThat(result.truncated()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"false, 64MiB", "false, 3MiB", "true, 64MiB"})
  void stoppedInTheMiddle_isTruncatedAndAsGoodAsThatFar(boolean copying, String budget)
      throws Exception {
    Pipeline.Result stopped = run("stopped", copying, budget, 5, 0);

    assertThat(stopped.truncated()).isTrue();
    assertThat(stopped.frames()).isBetween(6L, FRAMES - 1);
    Pipeline.Result asked = run("asked", copying, budget, FRAMES, stopped.frames());
    assertThat(asked.truncated()).isFalse();
    assertThat(Files.mismatch(stopped.output(), asked.output()))
        .as("the first byte that differs from a run of so many pictures")
        .isEqualTo(-1);
  }

  @Test
  void stoppedAtTheLastPicture_isWhole() throws Exception {
    Pipeline.Result result = run("late", false, "64MiB", FRAMES - 1, 0);

    assertThat(result.frames()).isEqualTo(FRAMES);
    assertThat(result.truncated()).isFalse();
  }
}
