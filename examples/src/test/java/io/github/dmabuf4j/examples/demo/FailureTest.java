package io.github.dmabuf4j.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A stage that fails ends the run with its own exception, and nothing stays behind. */
@Timeout(60) // a stage that waits for a dead one fails instead of hanging
final class FailureTest {
  private static final long FAILS_AT = 5;

  @TempDir private Path folder;

  /** Where a stage fails. */
  enum Place {
    BEFORE_ACCEPT,
    AFTER_ACCEPT,
    BEFORE_FILTER,
    AFTER_FILTER,
    BEFORE_PRESENT,
    AFTER_PRESENT
  }

  private static final class Failing extends DelegatingHandover {
    private final Place place;

    Failing(Handover real, Place place) {
      super(real);
      this.place = place;
    }

    private void fail(Place here, long index) {
      if (here == place && index == FAILS_AT) {
        throw new ArithmeticException("made to fail " + place);
      }
    }

    @Override
    public void accept(NativeFrame frame, Picture picture) throws Exception {
      fail(Place.BEFORE_ACCEPT, picture.index);
      super.accept(frame, picture);
      fail(Place.AFTER_ACCEPT, picture.index);
    }

    @Override
    public void filter(Picture picture, FilterCrew crew) throws Exception {
      long index = picture.index;
      if (place == Place.BEFORE_FILTER && index == FAILS_AT) {
        release(picture); // as the real one does
      }
      fail(Place.BEFORE_FILTER, index);
      super.filter(picture, crew);
      fail(Place.AFTER_FILTER, index);
    }

    @Override
    public void present(Picture picture, NativeFrame frame) throws Exception {
      fail(Place.BEFORE_PRESENT, picture.index);
      super.present(picture, frame);
      fail(Place.AFTER_PRESENT, picture.index);
    }
  }

  /** Makes the filter read outside of its buffer: its job fails, which the encoder waits for. */
  private static final class Astray extends DelegatingHandover {
    Astray(Handover real) {
      super(real);
    }

    @Override
    public void filter(Picture picture, FilterCrew crew) throws Exception {
      if (picture.index == FAILS_AT) {
        picture.offsets[0] = Integer.MAX_VALUE;
      }
      super.filter(picture, crew);
    }
  }

  @ParameterizedTest
  @EnumSource
  void failureOfAStage_leavesNothingBehind(Place place) throws Exception {
    checkNothingStays(
        real -> new Failing(real, place),
        failure ->
            assertThat(failure)
                .isInstanceOf(ArithmeticException.class)
                .hasMessage("made to fail " + place));
  }

  @Test
  void failureOfAJob_leavesNothingBehind() throws Exception {
    checkNothingStays( // whichever of the two stages is first to say so
        Astray::new,
        failure ->
            assertThat(failure)
                .isInstanceOfAny(IndexOutOfBoundsException.class, IllegalStateException.class));
  }

  private void checkNothingStays(UnaryOperator<Handover> stages, Consumer<Throwable> check)
      throws Exception {
    int handles = NativeHandles.live();
    try (Clip clip = Clip.unpack();
        Heap heap = Heaps.open("offheap:system?limit=64MiB");
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream())) {
      Traffic traffic = new Traffic();
      DemoOptions options = new DemoOptions(clip.file(), folder, 64 << 20, 0, 1, 2);
      Handover handover = stages.apply(new SharedFrames(heap, traffic));
      Pipeline pipeline = new Pipeline(options, handover, traffic, "fails", nowhere);

      check.accept(catchThrowable(pipeline::run));

      assertThat(heap.drain(Duration.ZERO)).as("%s", heap.info()).isTrue();
    }
    assertThat(NativeHandles.live()).isEqualTo(handles);
    assertThat(folder.resolve("fails.mp4")).doesNotExist();
  }
}
